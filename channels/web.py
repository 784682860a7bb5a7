"""The residents' web chat: a page that works on any phone, with or without JavaScript, and its JSON interface."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, select_autoescape
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic, response
from sanic.exceptions import InvalidUsage, PayloadTooLarge
from sanic.request import Request
from sanic.response import HTTPResponse

from cases.attachments import NotKept
from cases.case import Message
from channels.bell import Bell
from channels.desk import attachments_of_this_process, county_of_this_process, desk_of_this_process, var
from channels.gate import Gate, Inbound, NotTaken
from channels.pace import Pace
from channels.visitor import COOKIE, YEAR, Visitors, secret_key
from channels.words import Words, known_language

PAGE = Path(__file__).with_name("page")
WAIT_MOST = 25.0
LOOK_AGAIN = 1.0
SHOWN = 200
REQUEST_MOST = 20 * 1024 * 1024
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
    "Cache-Control": "no-store",
}
STATIC = {
    "chat.css": "text/css; charset=utf-8",
    "chat.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
STATUS = {"store_down": 503, "too_long": 413, "photo_too_big": 413, "too_fast": 429, "foreign_page": 403}

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]


class TooFast(NotTaken):
    """The resident, or the address, has to wait `seconds`."""

    def __init__(self, seconds: float) -> None:
        """`seconds` until the next message is taken."""
        super().__init__("too_fast")
        self.seconds = seconds


@dataclass(frozen=True)
class Visitor:
    """Who asks: their conversation, the cookie to set if they are new, and how they want the page."""

    conversation_id: str
    new_cookie: str | None
    language: str | None
    elders: bool
    address: str
    form: bool

    @property
    def shell(self) -> str:
        """Language of the page itself."""
        return known_language(self.language)


class WebInput(InputChannel):
    """Rasa's way to the web chat."""

    @classmethod
    def name(cls) -> str:
        """Prefix of the conversation ids."""
        return "web"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> WebInput:
        """From the environment: MINHU_DATABASE_URL, MINHU_CITY, MINHU_VAR; MINHU_PACE is messages a minute (0: any)."""
        return cls(
            desk_of_this_process(),
            attachments_of_this_process(),
            county_of_this_process(),
            Visitors(secret_key(var() / "secret.key")),
            per_minute=float(os.environ.get("MINHU_PACE", "90")),
        )

    def __init__(self, desk: Any, attachments: Any, county: Any, visitors: Visitors, per_minute: float = 90.0) -> None:
        """`per_minute`: how many messages one conversation may send; an address may send ten times as many."""
        self._desk, self._attachments, self._county, self._visitors = desk, attachments, county, visitors
        self._pace = Pace(burst=30, per_second=per_minute / 60)
        self._photo_pace = Pace(burst=8, per_second=per_minute / 600)
        self._address_pace = Pace(burst=300, per_second=per_minute / 6)
        self._words, self._bell = Words.load(), Bell()
        self._zone = ZoneInfo(county.timezone)
        self._pages = Environment(loader=FileSystemLoader(PAGE), autoescape=select_autoescape(["html"]))
        self._pages.globals["fresh_ref"] = lambda: uuid.uuid4().hex

    def url_prefix(self) -> str:
        """The chat is what one sees at the address itself."""
        return ""

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """See parent class."""
        self._gate = Gate(self._desk, self.name(), on_new_message, self._words)
        routes = AtRoot("web_chat", self._guarded(self.page))
        routes.add_route(self._guarded(self.receive), "/messages", methods=["POST"], name="receive")
        routes.add_route(self._guarded(self.news), "/messages", methods=["GET"], name="news")
        routes.add_route(self._guarded(self.receive), "/photos", methods=["POST"], name="receive_photo")
        routes.add_route(self._guarded(self.photo), "/photos/<key:str>", methods=["GET"], name="photo")
        routes.add_route(self._guarded(self.settings), "/settings", methods=["POST"], name="settings")
        routes.add_route(static_file, "/page/<name:str>", methods=["GET"], name="static")
        routes.add_route(health, "/health", methods=["GET"], name="health")
        routes.exception(PayloadTooLarge)(self._too_large)
        routes.listener("before_server_start")(self._before)
        routes.listener("after_server_start")(self._after)
        routes.listener("before_server_stop")(self._stop)
        return routes

    # --- what a resident can do ----------------------------------------------------------------------------------

    async def page(self, request: Request, visitor: Visitor) -> HTTPResponse:
        """The chat itself, with the conversation so far."""
        return await self._show(visitor)

    async def receive(self, request: Request, visitor: Visitor) -> HTTPResponse:
        """One message with or without a photo: JSON or a form in, JSON or the page out."""
        refuse_foreign(request)
        given = fields_of(request)
        photo = file_of(request, "photo")
        if request.path.endswith("/photos") and photo is None:
            raise NotTaken("photo_missing")
        self._keep_pace(visitor, photo is not None)
        inbound = await self._inbound(given, visitor, photo)
        taken, turn = await self._gate.receive(inbound)
        self._bell.ring(visitor.conversation_id)
        answer = await asyncio.shield(turn)
        self._bell.ring(visitor.conversation_id)
        if visitor.form:
            return self._back(visitor)
        body = {
            "accepted": inbound.ref,
            "seq": taken.seq,
            "time": self._clock(self._desk.clock()),
            "holder": answer.holder,
            "replies": [self._row(m) for m in answer.replies],
        }
        return self._answer(visitor, body)

    async def news(self, request: Request, visitor: Visitor) -> HTTPResponse:
        """Messages after `after`, of whoever wrote them; waits up to `wait` seconds (25 at most) for the first one."""
        after, wait = whole(request.args.get("after")), min(float(whole(request.args.get("wait"))), WAIT_MOST)
        until = time.monotonic() + wait
        while True:
            messages = self._desk.transcript(visitor.conversation_id, after_seq=after, limit=SHOWN, own=True)
            left = until - time.monotonic()
            if messages or left <= 0 or self._bell.closed:
                break
            await self._bell.wait(visitor.conversation_id, min(LOOK_AGAIN, left))
        await self._mark_sent(messages)
        state = self._conversation(visitor)
        body = {"messages": [self._row(m) for m in messages], "holder": state.holder if state else "bot"}
        return self._answer(visitor, body)

    async def photo(self, request: Request, visitor: Visitor, key: str) -> HTTPResponse:
        """A photo of the visitor's own conversation; any other is not found."""
        found = self._attachments.find(key, visitor.conversation_id)
        if found is None:
            return response.text("", status=404, headers=SECURITY)
        headers = {**SECURITY, "Cache-Control": "private, max-age=86400"}
        return response.raw(found.path.read_bytes(), content_type=found.kind, headers=headers)

    async def settings(self, request: Request, visitor: Visitor) -> HTTPResponse:
        """Language and size of type; they are kept in cookies, the language also with the conversation."""
        refuse_foreign(request)
        given = fields_of(request)
        language = given.get("language")
        if language is not None:
            language = known_language(language)
            if self._conversation(visitor) is not None:
                chosen = language
                await self._gate.write(lambda: self._desk.set_language(visitor.conversation_id, chosen))
            visitor = replace(visitor, language=language)
        if "elders" in given:
            visitor = replace(visitor, elders=str(given["elders"]) in ("1", "true", "True"))
        answer = self._back(visitor) if visitor.form else self._answer(visitor, {"saved": True})
        keep(answer, "language", visitor.shell, request)
        keep(answer, "elders", "1" if visitor.elders else "0", request)
        return answer

    # --- in and out ----------------------------------------------------------------------------------------------

    async def _inbound(self, given: Mapping[str, Any], visitor: Visitor, photo: Any) -> Inbound:
        text, ref, payload = given.get("text", ""), given.get("ref") or uuid.uuid4().hex, given.get("payload")
        if not isinstance(text, str) or not isinstance(ref, str) or not isinstance(payload, str | None):
            raise NotTaken("not_text")
        chosen = given.get("language")
        language = known_language(chosen) if chosen else visitor.language
        draft = Inbound(visitor.conversation_id, text, ref, payload, language, elders=visitor.elders)
        if photo is None:
            return draft
        try:
            key = await asyncio.to_thread(self._attachments.keep, photo.body, visitor.conversation_id)
        except NotKept as refused:
            raise NotTaken(refused.code, most=self._attachments.most // 2**20) from refused
        return replace(draft, attachments=(key,))

    def _keep_pace(self, visitor: Visitor, photo: bool) -> None:
        seconds = self._pace.wait(visitor.conversation_id)
        if photo:
            seconds = max(seconds, self._photo_pace.wait(visitor.conversation_id))
        if visitor.address not in ("127.0.0.1", "::1"):
            seconds = max(seconds, self._address_pace.wait(visitor.address))
        if seconds:
            raise TooFast(seconds)

    def _row(self, message: Message) -> dict[str, Any]:
        """A message as the page gets it; `time` is the county's clock."""
        at = message.created_at
        return {
            "seq": message.seq,
            "author": message.author,
            "text": message.text,
            "buttons": [dict(b) for b in message.buttons],
            "sources": [dict(s) for s in message.sources],
            "photos": [f"/photos/{key}" for key in message.attachments],
            "at": at.isoformat(),
            "time": self._clock(at),
        }

    def _clock(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%H:%M")

    async def _mark_sent(self, messages: list[Message]) -> None:
        waiting = [m.id for m in messages if m.delivery == "waiting"]
        if waiting:
            await self._gate.write(lambda: [self._desk.sent(number) for number in waiting])

    def _conversation(self, visitor: Visitor) -> Any:
        """The stored conversation, or None as long as the visitor has written nothing."""
        try:
            return self._desk.conversation(visitor.conversation_id)
        except KeyError:
            return None

    # --- answers -------------------------------------------------------------------------------------------------

    async def _show(self, visitor: Visitor, status: int = 200, error: str = "", text: str = "") -> HTTPResponse:
        state = self._conversation(visitor)
        language = known_language(visitor.language or (state.language if state else None))
        messages = self._desk.transcript(visitor.conversation_id, tail=SHOWN, own=True) if state else []
        await self._mark_sent(messages)
        rows = [self._row(m) for m in messages]
        words = self._words.page(language)
        shown = self._pages.get_template("chat.html").render(
            words=words,
            language=language,
            other="en" if language == "zh" else "zh",
            elders=visitor.elders,
            county=self._county.name[language],
            messages=rows,
            live_from=max((r["seq"] for r in rows if r["author"] == "resident"), default=0),
            holder=state.holder if state else "bot",
            offers=[(o.title[language], o.payload) for o in self._words.offers if o.title],
            error=error,
            text=text,
        )
        return self._send(visitor, response.html(shown, status=status, headers=SECURITY))

    def _answer(self, visitor: Visitor, body: dict[str, Any], status: int = 200, **headers: str) -> HTTPResponse:
        written = json.dumps(body, ensure_ascii=False, default=str)
        headers = {**SECURITY, **headers}
        kind = "application/json; charset=utf-8"
        return self._send(visitor, HTTPResponse(written, status=status, headers=headers, content_type=kind))

    def _back(self, visitor: Visitor) -> HTTPResponse:
        return self._send(visitor, response.redirect("/#end", status=303, headers=dict(SECURITY)))

    def _send(self, visitor: Visitor, answer: HTTPResponse) -> HTTPResponse:
        if visitor.new_cookie:
            answer.cookies[COOKIE] = visitor.new_cookie
            answer.cookies[COOKIE].update({"httponly": True, "samesite": "Lax", "path": "/", "max-age": YEAR})
        return answer

    async def _refuse(self, request: Request, visitor: Visitor, refused: NotTaken) -> HTTPResponse:
        status = STATUS.get(refused.code, 400)
        told = self._words.error(refused.code, visitor.shell, **refused.blanks)
        if visitor.form and request.method == "POST":
            text = request.form.get("text") if request.form else ""
            return await self._show(visitor, status, told, str(text or ""))
        wait = {"Retry-After": str(int(refused.seconds) + 1)} if isinstance(refused, TooFast) else {}
        return self._answer(visitor, {"error": {"code": refused.code, "text": told}}, status, **wait)

    async def _too_large(self, request: Request, _: Exception) -> HTTPResponse:
        refused = NotTaken("photo_too_big", most=self._attachments.most // 2**20)
        return await self._refuse(request, self._visitor(request), refused)

    # --- who asks ------------------------------------------------------------------------------------------------

    def _visitor(self, request: Request) -> Visitor:
        known = self._visitors.known(request.cookies.get(COOKIE))
        conversation_id, cookie = (known, None) if known else self._visitors.new()
        kind = request.headers.get("content-type", "")
        wants_json = "application/json" in request.headers.get("accept", "") or "application/json" in kind
        return Visitor(
            conversation_id,
            cookie,
            chosen_language(request),
            request.cookies.get("elders") == "1",
            request.remote_addr or request.ip,
            form=not wants_json,
        )

    def _guarded(self, handler: Handler) -> Handler:
        """Every route knows its visitor, and a refusal is words, whatever the route."""

        async def guarded(request: Request, **path: str) -> HTTPResponse:
            visitor = self._visitor(request)
            try:
                return await handler(request, visitor, **path)
            except NotTaken as refused:
                return await self._refuse(request, visitor, refused)

        guarded.__name__ = handler.__name__
        return guarded

    # --- the server's life ---------------------------------------------------------------------------------------

    async def _before(self, app: Sanic, _: Any) -> None:
        app.config.REQUEST_MAX_SIZE = REQUEST_MOST
        self._gate.recover()

    async def _after(self, app: Sanic, _: Any) -> None:
        self._gate.open()

    async def _stop(self, app: Sanic, _: Any) -> None:
        self._bell.close()
        await self._gate.finish()


class AtRoot(Blueprint):
    """A blueprint whose page is at "/", where Rasa otherwise greets with its version."""

    def __init__(self, name: str, page: Handler) -> None:
        """`page` answers GET /."""
        super().__init__(name)
        self.ctx.page = page

    def register(self, app: Sanic, options: dict[str, Any]) -> None:
        """See parent class. Rasa registers its greeting before any channel and offers no way to leave it out."""
        greeting = [route for route in app.router.routes if route.path == "" and "GET" in route.methods]
        if greeting:
            greeting[0].handler = self.ctx.page
        else:
            self.add_route(self.ctx.page, "/", methods=["GET"], name="page")
        super().register(app, options)


# --- reading requests --------------------------------------------------------------------------------------------


def refuse_foreign(request: Request) -> None:
    """Raises NotTaken when another site's page sends in the resident's name."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise NotTaken("foreign_page")


def fields_of(request: Request) -> Mapping[str, Any]:
    """The fields of a JSON object or a form. Raises NotTaken for anything else."""
    if "application/json" not in request.headers.get("content-type", ""):
        try:
            return {key: values[0] for key, values in (request.form or {}).items()}
        except (UnicodeDecodeError, ValueError) as broken:
            raise NotTaken("not_text") from broken
    try:
        given = request.json
    except InvalidUsage as broken:
        raise NotTaken("not_text") from broken
    if not isinstance(given, dict):
        raise NotTaken("not_text")
    return given


def file_of(request: Request, name: str) -> Any:
    """The uploaded file of that name, or None if none was chosen."""
    if "multipart/form-data" not in request.headers.get("content-type", ""):
        return None
    file = request.files.get(name) if request.files else None
    return file if file is not None and file.body else None


def chosen_language(request: Request) -> str | None:
    """What the visitor chose, else what the browser asks for if it is English, else None: then the words decide."""
    chosen = request.cookies.get("language")
    if chosen:
        return known_language(chosen)
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else None


def whole(text: str | None) -> int:
    """A whole number from 0 up; 0 for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0


def keep(answer: HTTPResponse, name: str, value: str, request: Request) -> None:
    """A cookie for a preference."""
    answer.cookies[name] = value
    answer.cookies[name].update({"httponly": True, "samesite": "Lax", "path": "/", "max-age": YEAR})
    if request.scheme == "https":
        answer.cookies[name]["secure"] = True


async def static_file(request: Request, name: str) -> HTTPResponse:
    """The page's own style and script."""
    if name not in STATIC:
        return response.text("", status=404, headers=SECURITY)
    headers = {**SECURITY, "Cache-Control": "public, max-age=3600"}
    return response.raw((PAGE / name).read_bytes(), content_type=STATIC[name], headers=headers)


async def health(request: Request) -> HTTPResponse:
    """Whether residents can write: says so for whoever watches over the installation."""
    ready = getattr(request.app.ctx, "agent", None) is not None
    return response.json({"status": "ok" if ready else "starting"}, headers=SECURITY)
