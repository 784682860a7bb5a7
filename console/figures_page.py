"""Figures for leaders: limits and satisfaction by unit, and who looked at what."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from console.page import page_of, signed_in

router = APIRouter()


@router.get("/figures", response_class=HTMLResponse)
async def figures(request: Request) -> Response:
    """Open and overdue now; closed in time and satisfaction of the last week, computed from the cases."""
    who, pages = signed_in(request, "leader", "administrator", "operator"), page_of(request)
    return pages.show(request, "figures.html", who=who, figures=pages.desk.figures(), now=pages.desk.clock())


@router.get("/audit", response_class=HTMLResponse)
async def audit(request: Request) -> Response:
    """Who looked at and moved what, and whether the newest part of the log is whole."""
    who, pages = signed_in(request, "leader", "administrator"), page_of(request)
    entries, chain = pages.desk.audit_trail(limit=200)
    return pages.show(request, "audit.html", who=who, entries=entries, chain=chain)
