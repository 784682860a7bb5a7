"""Where the case system outside pushes its statuses: a signed webhook (`cases/webhook.py` has its form)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from cases.desk import Desk
from cases.errors import NotFound
from cases.handovers import Handovers
from cases.outside import Settings
from cases.webhook import LONGEST_BODY, Malformed, NotTrusted, Webhook
from channels.open311 import body_of
from channels.open311_words import NotAccepted

router = APIRouter(include_in_schema=False)


class Statuses:
    """Takes statuses in for one desk; the relay's process tells the desk, and through it the residents."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        """`settings.system` is webhook. Raises SettingsError without a secret."""
        self._webhook = Webhook(settings)
        self._handovers = Handovers(desk, self._webhook)

    @classmethod
    def from_environment(cls, desk: Desk) -> Statuses | None:
        """None where no webhook is set up. Raises SettingsError."""
        settings = Settings.from_environment()
        return cls(desk, settings) if settings.system == Webhook.name else None

    def take(self, request: Request, body: bytes) -> None:
        """Raises NotTrusted, Malformed, NotFound."""
        self._handovers.pushed(self._webhook.received(request.headers, body))


@router.post("/handovers/status")
async def status(request: Request) -> Response:
    """204, also for what was known already; 401 unsigned or too old, 400 no status or too long, 404 no such case."""
    statuses: Statuses | None = request.app.state.statuses
    if statuses is None:
        raise NotAccepted("nothing_here")
    body = await body_of(request, LONGEST_BODY)
    try:
        await run_in_threadpool(statuses.take, request, body)
    except NotTrusted as wrong:
        return _refused(401, f"not trusted: {wrong}")
    except Malformed as wrong:
        return _refused(400, str(wrong))
    except NotFound:
        return _refused(404, "no case was handed over under this key or id")
    return Response(status_code=204)


def _refused(code: int, why: str) -> Response:
    return JSONResponse([{"code": code, "description": why}], code)
