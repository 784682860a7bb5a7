"""Puts the interface for other systems together: one desk, the keys, the Open311 routes, errors in one shape."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from cases.desk import Desk
from channels import handover_status, open311
from channels.api_keys import KEYS, ApiKeys, KeysUnreadable
from channels.desk import desk_of_this_process, var
from channels.open311_format import Format, answer
from channels.open311_interface import Danger, Interface, no_danger
from channels.open311_words import NotAccepted, Open311Words

log = logging.getLogger("minhu.api")

ABOUT = (
    "Open311 GeoReport v2. A system sees only the requests that it filed itself; contacts are never given out, and "
    "phone and identity numbers in texts are masked. Danger to life does not belong here."
)


def make_app(desk: Desk | None = None, keys: ApiKeys | None = None, danger: Danger | None = None) -> FastAPI:
    """The application; without arguments everything comes from the environment (see README).

    `danger` gives the code of a danger to life that words tell of: such a filing is with the duty desk at once.
    Raises SettingsError when a webhook outside is named without what it needs.
    """
    desk = desk or desk_of_this_process()
    interface = Interface(desk, keys or ApiKeys(var() / KEYS), _changed(), danger or no_danger)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        interface.commits.close()

    app = FastAPI(title="Minhu", description=ABOUT, version="2", docs_url=None, redoc_url=None, lifespan=life)
    app.state.open311 = interface
    app.state.statuses = handover_status.Statuses.from_environment(desk)
    app.include_router(open311.router)
    app.include_router(handover_status.router)
    app.add_exception_handler(NotAccepted, _not_accepted)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(sa.exc.SQLAlchemyError, _store_down)
    app.add_exception_handler(KeysUnreadable, _store_down)
    app.add_exception_handler(Exception, _fault)
    _describe(app, interface)
    return app


def _changed() -> datetime:
    """When a clerk last changed what can be filed."""
    folder = Path(os.environ.get("MINHU_CITY", "city"))
    newest = max((folder / name).stat().st_mtime for name in ("categories.yml", "domains.csv"))
    return datetime.fromtimestamp(newest, timezone.utc)


def _describe(app: FastAPI, interface: Interface) -> None:
    """FastAPI's own description, with the codes of this county and without answers that are never given."""
    own, codes = app.openapi, [category.code for category in interface.county.categories]

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            told = own()
            for path in told["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    known = {"jurisdiction_id": [interface.jurisdiction, ""], "service_code": codes}
                    for field in _fields(operation):
                        if field["name"] in known and field["schema"].get("type") == "string":
                            field["schema"]["enum"] = known[field["name"]]
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign]


def _fields(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Parameters and fields of a form, each with its name and schema."""
    content = operation.get("requestBody", {}).get("content", {})
    forms = [form["schema"]["properties"] for form in content.values()]
    return operation["parameters"] + [{"name": n, "schema": s} for form in forms for n, s in form.items()]


def _error(request: Request, code: str, headers: dict[str, str] | None = None, **blanks: Any) -> Response:
    """One error in the format that the address asks for."""
    words = Open311Words.load()
    form: Format = "xml" if request.url.path.endswith(".xml") else "json"
    status = words.status(code)
    told = words.error(code, open311.language_of(request.headers.get("accept-language")), **blanks)
    return answer(form, "errors", [{"code": status, "description": told}], status, headers)


async def _not_accepted(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, NotAccepted)
    return _error(request, wrong.code, **wrong.blanks)


async def _wrong_parameter(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, RequestValidationError)
    first = wrong.errors()[0]
    where, name = first["loc"][0], str(first["loc"][-1])
    if where == "path":
        return _error(request, "nothing_here")
    return _error(request, "parameter", name=name, what=first["msg"])


async def _http(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    if wrong.status_code == 405:
        return _error(request, "method", {"Allow": ", ".join(_methods(request))})
    if wrong.status_code == 401:  # a header for HTTP Basic that can't be read
        return _error(request, "bad_key")
    return _error(request, "nothing_here" if wrong.status_code == 404 else "fault")


def _methods(request: Request) -> list[str]:
    """Every method that some route takes at this address."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] != Match.NONE:
            found |= route.methods or set()
    return sorted(found)


async def _store_down(request: Request, wrong: Exception) -> Response:
    log.error("not served: %s", wrong)
    return _error(request, "store_down")


async def _fault(request: Request, wrong: Exception) -> Response:
    log.exception("not served", exc_info=wrong)
    return _error(request, "fault")
