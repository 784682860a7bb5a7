"""One case: the resident's words, the fields and the transcript side by side, and the moves the lifecycle allows."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.desk import NotFound, Refused, Stale
from cases.doubts import doubts
from console.page import OVERSEERS, Forbidden, Page, Who, back, form_of, page_of, signed_in
from console.photo_page import photos_of

router = APIRouter()
AMENDABLE = ("category", "town", "village", "place_said", "since_said")
DISPATCHED = 3
TAKES_UNIT = frozenset({"dispatch", "reassign"})


@router.get("/cases/{number}", response_class=HTMLResponse)
async def show(request: Request, number: str) -> Response:
    """The page; that it was looked at is in the audit log."""
    who, pages = signed_in(request), page_of(request)
    return page_for(request, pages, who, number)


def page_for(
    request: Request,
    pages: Page,
    who: Who,
    number: str,
    status: int = 200,
    told: str | None = None,
    contact: Any = None,
) -> Response:
    """The case page with, after a form, what was refused or revealed."""
    try:
        case = seen(pages, who, number)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    full = who.role in OVERSEERS or who.role == "adviser"
    return pages.show(
        request,
        "case.html",
        http=status,
        who=who,
        case=case,
        timeline=pages.desk.timeline(case.id),
        transcript=pages.desk.transcript(case.conversation_id) if full else [],
        conversation=pages.desk.conversation(case.conversation_id) if full else None,
        moves=pages.desk.moves(case, who.role),
        takes_unit=TAKES_UNIT,
        photos=photos_of(pages, case.conversation_id),
        doubts=doubts(case, pages.county) if full and case.step < DISPATCHED else [],
        followers=pages.desk.followers(case.id),
        told=told,
        contact=contact,
        now=pages.desk.clock(),
    )


def seen(pages: Page, who: Who, number: str) -> Any:
    """The case, if this member of staff may see it. Raises NotFound, Forbidden."""
    case = pages.desk.look(number, actor=who.login, role=who.role)
    if who.role == "unit" and case.unit != who.unit:
        raise Forbidden
    if who.role == "adviser" and case.adviser != who.login:
        raise Forbidden
    return case


@router.post("/cases/{number}/move")
async def move(request: Request, number: str) -> Response:
    """Makes one move of the lifecycle; a refusal or a stale page says so and changes nothing."""
    who, pages = signed_in(request), page_of(request)
    form = await form_of(request)
    case = seen(pages, who, number)
    known = {k: form[k] for k in ("unit", "category", "note") if form.get(k)}
    try:
        pages.desk.move(
            case.id, form.get("move", ""), actor=who.login, role=who.role, version=whole(form.get("version")), **known
        )
    except Refused as refused:
        return page_for(request, pages, who, number, 409, told=f"refused_{refused.code}")
    except Stale:
        return page_for(request, pages, who, number, 409, told="stale")
    return back(request, f"/cases/{number}", "moved")


@router.post("/cases/{number}/amend")
async def amend(request: Request, number: str) -> Response:
    """Corrects fields; the resident's words can't be changed."""
    who, pages = signed_in(request, "operator", "administrator"), page_of(request)
    form = await form_of(request)
    case = seen(pages, who, number)
    fields = {k: form[k] or None for k in AMENDABLE if k in form}
    if wrong := unknown_code(pages, fields):
        return page_for(request, pages, who, number, 400, told=wrong)
    try:
        pages.desk.amend(case.id, actor=who.login, role=who.role, version=whole(form.get("version")), **fields)
    except Stale:
        return page_for(request, pages, who, number, 409, told="stale")
    except Refused as refused:
        return page_for(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return back(request, f"/cases/{number}", "amended")


def unknown_code(pages: Page, fields: dict[str, str | None]) -> str | None:
    """The code of what is wrong with the fields, or None."""
    county = pages.county
    for field, find in {"category": county.category, "town": county.town, "village": county.village}.items():
        try:
            if code := fields.get(field):
                find(code)
        except LookupError:
            return f"unknown_{field}"
    return None


@router.post("/cases/{number}/reveal")
async def reveal(request: Request, number: str) -> Response:
    """Shows the resident's contact once, for a reason that goes into the audit log."""
    who, pages = signed_in(request), page_of(request)
    form = await form_of(request)
    case = seen(pages, who, number)
    try:
        contact = pages.desk.reveal(case.id, actor=who.login, role=who.role, reason=form.get("reason", ""))
    except Refused as refused:
        return page_for(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return page_for(request, pages, who, number, contact=contact)


def whole(text: str | None) -> int:
    """A whole number from a form, -1 for anything else (which no version equals)."""
    return int(text) if text and text.isdigit() else -1
