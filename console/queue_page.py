"""The queue: what waits for this member of staff, most pressing first."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.lifecycle import STATUSES
from console.page import OVERSEERS, back, page_of, signed_in

router = APIRouter()
SHOWN = 50
#: moves that are always possible and don't mean that the case waits for somebody
NOT_WAITING = frozenset({"urge", "supervise", "extend", "comment", "contribute", "escalate", "suspend", "reassign"})


@router.get("/", response_class=HTMLResponse)
async def show(
    request: Request, status: str = "", search: str = "", page: int = 1, part: str = "", unit: str = ""
) -> Response:
    """The page, or only its rows (`part=rows`) for the live update; overseers may ask for one unit's."""
    who, pages = signed_in(request), page_of(request)
    only = unit if who.role in OVERSEERS and pages.county.has_unit(unit) else ""
    cases = pages.desk.queue(
        role="unit" if only else who.role,
        unit=only or who.unit,
        adviser=who.login if who.role == "adviser" else None,
        status=status if status in STATUSES else None,
        search=search[:100] or None,
        page=max(page, 1),
    )
    waiting = pages.desk.conversations(holder="waiting") if who.role in OVERSEERS else []
    return pages.show(
        request,
        "_rows.html" if part == "rows" else "queue.html",
        who=who,
        cases=cases,
        waiting=len(waiting),
        status=status,
        search=search,
        only=only,
        number=max(page, 1),
        statuses=STATUSES,
        more=len(cases) >= SHOWN,
        now=pages.desk.clock(),
    )


@router.get("/next")
async def next_case(request: Request) -> Response:
    """The case that should be looked at next; back to the queue when none waits."""
    who, pages = signed_in(request), page_of(request)
    adviser = who.login if who.role == "adviser" else None
    cases = pages.desk.queue(role=who.role, unit=who.unit, adviser=adviser, status=None, search=None, page=1)
    for case in cases:
        helps = who.role == "unit" and case.unit != who.unit
        if any(m.code not in NOT_WAITING for m in pages.desk.moves(case, "support" if helps else who.role)):
            return back(request, f"/cases/{case.number}")
    return back(request, "/", "nothing_waits")
