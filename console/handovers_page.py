"""Hand-overs to the case system outside: where each stands and why, and the button that sends it again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.errors import NotFound, Refused
from cases.handovers import PAGE, RESENDABLE, STATES, Handovers
from console.page import OVERSEERS, back, form_of, page_of, signed_in

router = APIRouter()
RESENDS = ("operator", "administrator")


@router.get("/handovers", response_class=HTMLResponse)
async def show(request: Request, state: str = "", page: int = 1, part: str = "") -> Response:
    """The page, or only its rows (`part=rows`) for the live update; what changed last comes first."""
    who, pages = signed_in(request, *OVERSEERS), page_of(request)
    handovers, number = Handovers(pages.desk), max(page, 1)
    rows = handovers.listed(state if state in STATES else None, number)
    return pages.show(
        request,
        "_handovers.html" if part == "rows" else "handovers.html",
        who=who,
        rows=rows,
        counts=handovers.counts(),
        state=state,
        states=STATES,
        number=number,
        more=len(rows) >= PAGE,
        resendable=RESENDABLE,
        may_resend=who.role in RESENDS,
    )


@router.post("/handovers/resend")
async def resend(request: Request) -> Response:
    """Puts one up again, now."""
    who, pages = signed_in(request, *RESENDS), page_of(request)
    given = (await form_of(request)).get("handover", "")
    try:
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise NotFound(given)
        Handovers(pages.desk).resend(int(given), who.login)
    except Refused as refused:
        return back(request, "/handovers", f"refused_{refused.code}")
    except NotFound:
        return back(request, "/handovers", "refused_no_handover")
    return back(request, "/handovers", "done_resend")
