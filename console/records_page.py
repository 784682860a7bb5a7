"""Records of group service: the list by kind, a form to file one, a problem that becomes a case, an opinion settled."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.case import Matter
from cases.desk import NotFound, Refused
from cases.records import KINDS, OPINION, PROBLEM, Record, Records
from console.page import Forbidden, Page, Who, back, form_of, page_of, signed_in
from console.registry_page import EDITORS, LAST_PAGE, SHOWN, VIEWERS, where

router = APIRouter(prefix="/records")
#: channel of a record filed here, and of the conversation of a case that came out of a group
CONSOLE, GROUP = "console", "group"
CASE_KINDS = ("complaint", "suggestion")
DAYS = 30
FIELDS = ("kind", "words", "town", "village", "grid", "group_name", "author")


def opened(request: Request, *roles: str) -> tuple[Who, Page, Records]:
    """Who asks, the page maker and the records. Raises NotSignedIn or Forbidden."""
    who = signed_in(request, *(roles or VIEWERS))
    records: Records = request.app.state.books.records
    return who, page_of(request), records


def towns_of(pages: Page, who: Who) -> set[str] | None:
    """A unit's own towns; None for those who see all."""
    if who.role != "unit":
        return None
    return {unit.town_code for unit in pages.county.units if unit.code == who.unit and unit.town_code}


@router.get("", response_class=HTMLResponse)
async def show(request: Request, kind: str = "", town: str = "", open: str = "", page: int = 1) -> Response:
    """The list, newest first, with the counts of the last 30 days."""
    who, pages, records = opened(request)
    return list_page(request, pages, who, records, kind=kind, town=town, waiting=open, page=page)


def list_page(
    request: Request, pages: Page, who: Who, records: Records, *, kind: str = "", town: str = "", waiting: str = "",
    page: int = 1, given: dict[str, str] | None = None, told: str | None = None,
) -> HTMLResponse:  # fmt: skip
    """The list page with, after a form, what was refused and what had been filled in."""
    towns, number = towns_of(pages, who), min(max(page, 1), LAST_PAGE)
    found = records.find(
        kind=kind if kind in KINDS else None, town=town or None, towns=towns, open_only=bool(waiting), page=number
    )
    today = pages.desk.clock().astimezone(pages.county.zone).date()
    counts = dict.fromkeys(KINDS, 0)
    for one in records.counts(today - timedelta(days=DAYS - 1), today, towns):
        counts[one.kind] += one.count
    return pages.show(
        request, "records.html", http=422 if told else 200, who=who, records=found, numbers=records.cases_of(found),
        counts=counts, days=DAYS, kinds=KINDS, kind=kind, town=town, waiting=waiting, number=number,
        more=len(found) >= SHOWN, told=told, edits=who.role in EDITORS, fresh=secrets.token_urlsafe(12),
        given=dict.fromkeys(FIELDS, "") | (given or {}), where=lambda one: where(pages, one, who.language),
    )  # fmt: skip


@router.post("")
async def file(request: Request) -> Response:
    """Files one record; the form's own ref makes a second click harmless."""
    who, pages, records = opened(request, *EDITORS)
    given = await form_of(request)
    filled = {name: given.get(name, "").replace("\r\n", "\n") for name in FIELDS}
    place = {name: filled[name] or None for name in ("town", "village", "grid")}
    try:
        made = records.file(
            kind=filled["kind"], ref=f"{CONSOLE}:{given.get('ref', '')}", channel=CONSOLE, words=filled["words"],
            author=filled["author"] or who.login, group_name=filled["group_name"][:120] or None, **place,
        )  # fmt: skip
    except Refused as refused:
        return list_page(request, pages, who, records, given=filled, told=f"refused_{refused.code}")
    return back(request, f"/records/{made.id}", "record_filed")


@router.get("/{number:int}", response_class=HTMLResponse)
async def one(request: Request, number: int) -> Response:
    """One record."""
    who, pages, records = opened(request)
    return record_page(request, pages, who, records, number)


def record_page(
    request: Request, pages: Page, who: Who, records: Records, number: int, told: str | None = None
) -> HTMLResponse:
    """The page of a record with, after a form, what was refused. Raises Forbidden."""
    try:
        found = visible(pages, who, records.record(number))
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    return pages.show(
        request, "record.html", http=409 if told else 200, who=who, record=found, told=told,
        case_number=records.cases_of([found]).get(found.id), edits=who.role in EDITORS, case_kinds=CASE_KINDS,
        problem=PROBLEM, opinion=OPINION, where=lambda one: where(pages, one, who.language),
    )  # fmt: skip


def visible(pages: Page, who: Who, found: Record) -> Record:
    """The record, if this member of staff may see it. Raises Forbidden."""
    towns = towns_of(pages, who)
    if towns is not None and found.town not in towns:
        raise Forbidden
    return found


@router.post("/{number:int}/case")
async def become_case(request: Request, number: int) -> Response:
    """A problem becomes a case, once."""
    who, pages, records = opened(request, *EDITORS)
    given = await form_of(request)
    try:
        found = records.record(number)
        matter = matter_of(pages, found, given)
        case = records.become_case(number, pages.desk, matter, by=who.login)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    except Refused as refused:
        return record_page(request, pages, who, records, number, f"refused_{refused.code}")
    return back(request, f"/cases/{case.number}", "record_became_case")


def matter_of(pages: Page, record: Record, given: dict[str, str]) -> Matter:
    """The matter of a record in a conversation of its own, which no bot answers. Raises Refused."""
    if record.kind != PROBLEM:
        raise Refused("record_no_problem")
    known: dict[str, Any] = {"category": given.get("category") or None}
    try:
        known["domain"] = pages.county.category(known["category"]).domain if known["category"] else None
    except LookupError as unknown:
        raise Refused("unknown_code") from unknown
    kind = given.get("kind") if given.get("kind") in CASE_KINDS else CASE_KINDS[0]
    conversation, ref = f"{GROUP}:{record.id}", f"record:{record.id}"
    pages.desk.hear(conversation, GROUP, record.words, ref)
    pages.desk.say(conversation, ref, [])
    return Matter(conversation, ref, str(kind), (record.words,), **known)


@router.post("/{number:int}/settle")
async def settle(request: Request, number: int) -> Response:
    """What was done about an opinion."""
    who, pages, records = opened(request, *EDITORS)
    given = await form_of(request)
    try:
        records.settle(number, done=given.get("done", ""), by=who.login)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    except Refused as refused:
        return record_page(request, pages, who, records, number, f"refused_{refused.code}")
    return back(request, f"/records/{number}", "record_settled")
