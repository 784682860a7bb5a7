"""Conversations that wait for a person: take over, answer, release."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.case import Message
from cases.desk import NotFound, Refused
from console.page import Who, back, form_of, page_of, signed_in

router = APIRouter()
STAFF = ("operator", "administrator", "leader")
CLERKS = ("operator", "administrator")
LONGEST = 2000
#: the newest messages of a conversation
SHOWN = 200


@router.get("/conversations", response_class=HTMLResponse)
async def waiting(request: Request, part: str = "") -> Response:
    """Those that wait and those that are held, longest wait first."""
    who, pages = signed_in(request, *STAFF), page_of(request)
    held = pages.desk.conversations(holder="waiting") + pages.desk.conversations(holder="staff")
    return pages.show(
        request, "_conversations.html" if part == "rows" else "conversations.html", who=who, conversations=held
    )


@router.get("/conversations/{key:path}", response_class=HTMLResponse)
async def one(request: Request, key: str, part: str = "") -> Response:
    """The transcript with the forms that its state allows."""
    who = signed_in(request, *STAFF)
    return _page(request, who, key, "_transcript.html" if part == "rows" else "conversation.html")


@router.post("/conversations/reveal", response_class=HTMLResponse)
async def reveal(request: Request) -> Response:
    """The transcript as it was told, once, for a reason that goes into the audit log."""
    who, desk = signed_in(request, *CLERKS), page_of(request).desk
    form = await form_of(request)
    key = form.get("conversation", "")
    try:
        told = desk.reveal_transcript(key, actor=who.login, role=who.role, reason=form.get("reason", ""))
    except (Refused, NotFound) as refused:
        return back(request, f"/conversations/{key}", f"refused_{getattr(refused, 'code', 'not_found')}")
    return _page(request, who, key, revealed=told)


def _page(
    request: Request, who: Who, key: str, template: str = "conversation.html", revealed: list[Message] | None = None
) -> Response:  # fmt: skip
    pages = page_of(request)
    try:
        conversation = pages.desk.conversation(key)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    return pages.show(
        request,
        template,
        who=who,
        conversation=conversation,
        transcript=revealed or pages.desk.transcript(key, tail=SHOWN),
        revealed=revealed is not None,
        clerk=who.role in CLERKS,
        cases=pages.desk.cases_of(key),
    )


@router.post("/conversations/take-over")
async def take_over(request: Request) -> Response:
    """From now on a person speaks; the bot is silent."""
    return await _do(request, "take_over")


@router.post("/conversations/release")
async def release(request: Request) -> Response:
    """The bot speaks again."""
    return await _do(request, "release")


@router.post("/conversations/say")
async def say(request: Request) -> Response:
    """A person's words to the resident."""
    return await _do(request, "say")


async def _do(request: Request, what: str) -> Response:
    who, desk = signed_in(request, *CLERKS), page_of(request).desk
    form = await form_of(request)
    key, text = form.get("conversation", ""), form.get("text", "")
    to = f"/conversations/{key}"
    try:
        if what == "take_over":
            desk.take_over(key, who.login)
        elif what == "release":
            desk.release(key, who.login)
        elif not 0 < len(text) <= LONGEST:
            return back(request, to, "text_empty")
        else:
            desk.staff_say(key, who.login, text)
    except (Refused, NotFound) as refused:
        return back(request, to, f"refused_{getattr(refused, 'code', 'not_found')}")
    return back(request, to, f"done_{what}")
