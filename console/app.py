"""Puts the staff web together: one desk, signed sessions, the pages."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.sessions import SessionMiddleware

from cases.attachments import Attachments
from cases.county import County
from cases.desk import Desk
from cases.store import Store
from console import (
    case_page,
    conversation_page,
    figures_page,
    handovers_page,
    knowledge_page,
    photo_page,
    queue_page,
    records_page,
    registry_page,
    reports_page,
    sign_in_page,
)
from console.page import Forbidden, NotSignedIn, Page, to_sign_in, told_forbidden

HERE = Path(__file__).parent
PAGES = (
    sign_in_page, queue_page, case_page, conversation_page, photo_page, figures_page, knowledge_page, registry_page,
    records_page, handovers_page, reports_page,
)  # fmt: skip
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def make_app(desk: Desk | None = None, county: County | None = None, secret: str | None = None) -> FastAPI:
    """The web application; without arguments everything comes from the environment (see README)."""
    var = Path(os.environ.get("MINHU_VAR", "var"))
    county = county or County.load(Path(os.environ.get("MINHU_CITY", "city")))
    desk = desk or Desk(Store(os.environ.get("MINHU_DATABASE_URL", f"sqlite:///{var / 'minhu.db'}")), county)
    app = FastAPI(title="Minhu console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.knowledge = knowledge_page.Knowledge(desk, county, var)
    app.state.books = registry_page.Books(desk, county)
    app.state.page = Page(desk, county, HERE, Attachments(var / "attachments"))
    for part in PAGES:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_exception_handler(NotSignedIn, to_sign_in)
    app.add_exception_handler(Forbidden, told_forbidden)
    app.add_middleware(
        SessionMiddleware, secret_key=secret or session_secret(var), same_site="strict", max_age=8 * 3600
    )
    app.middleware("http")(add_headers)
    return app


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Every answer says that nothing foreign may be loaded, framed or kept."""
    answer = await call_next(request)
    for name, value in SECURITY.items():
        answer.headers.setdefault(name, value)
    return answer


def session_secret(var: Path) -> str:
    """The key that signs sessions, made at the first start of this installation."""
    path = var / "session.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return path.read_text(encoding="ascii")
