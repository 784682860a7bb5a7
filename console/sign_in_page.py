"""Sign in, sign out, and the reader's language."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from console.page import back, form_of, page_of

router = APIRouter()
TRIES, WITHIN = 8, 300.0
_failures: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=TRIES))


@router.get("/sign-in", response_class=HTMLResponse)
async def show(request: Request) -> Response:
    """The form."""
    return page_of(request).show(request, "sign_in.html")


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Checks login and password; too many failures of one login are made to wait."""
    form = await form_of(request)
    login = form.get("login", "")
    failures = _failures[login]
    if len(failures) == TRIES and time.monotonic() - failures[0] < WITHIN:
        return back(request, "/sign-in", "sign_in_wait")
    member = page_of(request).desk.sign_in(login, form.get("password", ""))
    if member is None:
        failures.append(time.monotonic())
        return back(request, "/sign-in", "sign_in_wrong")
    failures.clear()
    language = request.session.get("language", "zh")
    request.session.clear()
    request.session["language"] = language
    request.session["who"] = {
        "login": member.login, "name": member.name, "role": member.role, "unit": member.unit,
    }  # fmt: skip
    return back(request, "/")


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Ends the session."""
    await form_of(request)
    request.session.clear()
    return back(request, "/sign-in")


@router.post("/language")
async def language(request: Request) -> Response:
    """Chinese or English, for this reader."""
    form = await form_of(request)
    request.session["language"] = "en" if form.get("language") == "en" else "zh"
    return back(request, "/" if request.session.get("who") else "/sign-in")
