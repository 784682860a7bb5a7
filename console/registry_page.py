"""The registry in the hands of staff: search, an entry and its cases, the form, the table out and in, case links."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from cases import registry_table as table
from cases.county import County
from cases.desk import Desk, NotFound, Refused, Stale
from cases.records import Records
from cases.registry import LINK_ROLES, RESIDENT, Entry, Linked, Near, Registry, fields_of, kind_names, subkind_name
from cases.registry_form import FIELDS, KINDS, NEEDED, ORGANISATION, PERSON, RegistryRefused, lines, pairs, terms
from console.page import Forbidden, Page, Who, back, form_of, page_of, seen, signed_in, whole

router = APIRouter()
EDITORS = ("operator", "administrator")
VIEWERS = (*EDITORS, "leader", "unit")
SHOWN, LAST_PAGE = 50, 10_000
LONGEST_FILE = 10_000_000
NEARBY = 200.0
DATES = ("valid_from", "valid_to")
FILES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Uploads:
    """Tables between their dry run and the word to take them in: in memory only, since they may name persons."""

    MOST, LASTS = 8, timedelta(minutes=30)

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, bytes, datetime]] = OrderedDict()

    def keep(self, login: str, content: bytes, now: datetime) -> str:
        """A ticket for the table; the oldest one makes room."""
        while len(self._kept) >= self.MOST:
            self._kept.popitem(last=False)
        ticket = secrets.token_urlsafe(16)
        self._kept[ticket] = (login, content, now)
        return ticket

    def take(self, ticket: str, login: str, now: datetime) -> bytes | None:
        """The table, once and for whoever brought it; None when it is no longer here."""
        owner, content, at = self._kept.get(ticket, ("", b"", now))
        if owner != login:
            return None
        del self._kept[ticket]
        return content if now - at <= self.LASTS else None


class Books:
    """The registry and the records of this console, made at their first use."""

    def __init__(self, desk: Desk, county: County) -> None:
        self._desk, self._county = desk, county
        self.uploads = Uploads()

    @cached_property
    def registry(self) -> Registry:
        """Seals with the desk's own shield."""
        return Registry(self._desk.store, self._county, self._desk.clock, self._desk.shield)

    @cached_property
    def records(self) -> Records:
        """The records of group service."""
        return Records(self._desk.store, self._county, self._desk.clock)


@dataclass(frozen=True)
class Box:
    """What the case page shows of the registry: links, what may be linked here, how many cases each entry has."""

    linked: list[Linked]
    nearby: list[Entry]
    counts: dict[int, int]
    opens: frozenset[int]
    edits: bool


def registry_of(request: Request) -> Registry:
    """The registry of this application."""
    books: Books = request.app.state.books
    return books.registry


def words_for(pages: Page, who: Who) -> dict[str, Any]:
    """What every template of the registry calls things by."""
    language = who.language
    return {
        "kinds": kind_names(language),
        "column": lambda name: terms()["columns"].get(name, {}).get(language, name),
        "subkind": lambda kind, code: subkind_name(kind, code, language),
        "where": lambda entry: where(pages, entry, language),
    }


def where(pages: Page, entry: Any, language: str) -> str:
    """Town, village and grid by name."""
    county = pages.county
    found = ((county.town, entry.town), (county.village, entry.village), (county.grid, entry.grid))
    return " · ".join(pages.name(find, code, language) for find, code in found if code) or "—"


# --- looking -------------------------------------------------------------------------------------------------------


@router.get("/registry", response_class=HTMLResponse)
async def show(
    request: Request, words: str = "", kind: str = "", town: str = "", near: str = "", retired: str = "", page: int = 1
) -> Response:
    """The list, by words, kind, town or near a point; units and staff from the county's files beside organisations."""
    who, pages, registry = signed_in(request, *VIEWERS), page_of(request), registry_of(request)
    told, circle = None, None
    try:
        circle = circle_of(near)
    except RegistryRefused:
        told = "registry_no_point"
    number, kind = min(max(page, 1), LAST_PAGE), kind if kind in KINDS else ""
    unit = (who.unit or "") if who.role == "unit" else None
    entries = registry.find(
        words=words[:100], kind=kind or None, town=town or None, near=circle, unit=unit, retired=bool(retired),
        page=number,
    )  # fmt: skip
    own = registry.of_county(words[:100], town or None) if kind == ORGANISATION and unit is None else []
    return pages.show(
        request, "registry.html", who=who, **words_for(pages, who), entries=entries, own=own[:SHOWN],
        counts=registry.case_counts([entry.id for entry in entries]), words=words, kind=kind, town=town, near=near,
        retired=retired, number=number, more=len(entries) >= SHOWN, circle=circle, told=told,
        edits=who.role in EDITORS,
    )  # fmt: skip


def circle_of(told: str) -> Near | None:
    """From `longitude,latitude`. Raises RegistryRefused."""
    if not told.strip():
        return None
    try:
        longitude, latitude = (float(part) for part in told.replace("，", ",").split(","))
    except ValueError:
        longitude = latitude = float("nan")
    return Near(longitude, latitude, 500)


@router.get("/registry/{number:int}", response_class=HTMLResponse)
async def entry(request: Request, number: int) -> Response:
    """One entry and its cases."""
    who, pages = signed_in(request, *VIEWERS), page_of(request)
    return entry_page(request, pages, who, number)


def entry_page(
    request: Request, pages: Page, who: Who, number: int, http: int = 200, told: str | None = None,
    revealed: tuple[str, Any] | None = None,
) -> HTMLResponse:  # fmt: skip
    """The page of an entry with, after a form, what was refused or revealed. Raises Forbidden."""
    registry = registry_of(request)
    try:
        found = visible(registry, who, registry.look(number, by=who.login))
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    cases = [case for case in registry.cases_of(number) if who.role != "unit" or case.unit == who.unit]
    near, unit = [], who.unit if who.role == "unit" else None
    if found.longitude is not None and found.latitude is not None:
        here = Near(found.longitude, found.latitude, NEARBY)
        near = [(x, here.metres_to(x)) for x in registry.find(near=here, unit=unit, persons=False) if x.id != number]
    return pages.show(
        request, "registry_entry.html", http=http, who=who, **words_for(pages, who), entry=found, cases=cases,
        near=near, told=told, revealed=revealed, edits=who.role in EDITORS,
    )  # fmt: skip


def visible(registry: Registry, who: Who, found: Entry) -> Entry:
    """The entry, if this member of staff may see it. Raises Forbidden."""
    if who.role == "unit" and not registry.sees(who.unit or "", found):
        raise Forbidden
    return found


# --- the form ------------------------------------------------------------------------------------------------------


@router.get("/registry/new", response_class=HTMLResponse)
async def new(request: Request, kind: str = "thing") -> Response:
    """An empty form of a kind; persons are made from their case."""
    who, pages = signed_in(request, *EDITORS), page_of(request)
    if kind not in KINDS or kind == PERSON:
        return pages.show(request, "forbidden.html", http=404, who=who)
    return form(request, pages, who, {"kind": kind}, None)


@router.get("/registry/{number:int}/edit", response_class=HTMLResponse)
async def edit(request: Request, number: int) -> Response:
    """The form of an entry as it stands."""
    who, pages = signed_in(request, *EDITORS), page_of(request)
    try:
        found = registry_of(request).entry(number)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    if found.kind == PERSON or found.retired_at is not None:
        raise Forbidden
    return form(request, pages, who, written(found), found)


def written(entry: Entry) -> dict[str, str]:
    """An entry as the fields of its form."""
    return {
        name: lines(value) if name == "detail" else "" if value is None else str(value)
        for name, value in fields_of(entry).items()
    }


def form(
    request: Request, pages: Page, who: Who, fields: Mapping[str, str], entry: Entry | None,
    faults: list[str] | None = None, told: str | None = None,
) -> HTMLResponse:  # fmt: skip
    """The form with what is in it and what is wrong with it."""
    county, filled = pages.county, dict.fromkeys(FIELDS, "") | dict(fields)
    villages = {town: [v for v in county.villages if v.town_code == town.code] for town in county.towns}
    return pages.show(
        request, "registry_edit.html", http=409 if told else 422 if faults else 200, who=who, **words_for(pages, who),
        fields=filled, entry=entry, faults=faults or [], told=told, needed=NEEDED, dates=DATES, villages=villages,
        subkinds=terms()["subkinds"].get(filled["kind"], {}), grids=county.grids_of(filled["village"]),
    )  # fmt: skip


@router.post("/registry/new")
async def add(request: Request) -> Response:
    """A new entry; with anything wrong, the form comes back as it was filled in."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = {name: text for name, text in (await form_of(request)).items() if name in FIELDS}
    try:
        made = registry.add(by=who.login, **{**given, "detail": pairs(given.get("detail", ""))})
    except RegistryRefused as refused:
        return form(request, pages, who, given, None, told_of(refused, who))
    except Refused as refused:
        return form(request, pages, who, given, None, told=f"refused_{refused.code}")
    return back(request, f"/registry/{made.id}", "registry_saved")


@router.post("/registry/{number:int}/edit")
async def change(request: Request, number: int) -> Response:
    """A changed entry; whoever comes second gets their own words back beside what stands there now."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    posted = await form_of(request)
    given = {name: text for name, text in posted.items() if name in FIELDS and name not in ("kind", "code")}
    try:
        found = registry.entry(number)
        kept = {**written(found), **given}
        if "detail" in given:
            given |= {"detail": pairs(given["detail"])}  # type: ignore[dict-item]
        registry.change(number, version=whole(posted.get("version")), by=who.login, **given)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    except RegistryRefused as refused:
        return form(request, pages, who, kept, found, told_of(refused, who))
    except Stale as lost:
        return form(
            request, pages, who, kept, lost.current, differences(lost.current, kept, who), told="registry_stale"
        )
    except Refused as refused:
        return entry_page(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return back(request, f"/registry/{number}", "registry_saved")


def told_of(refused: RegistryRefused, who: Who) -> list[str]:
    """Faults in the reader's words, each once."""
    return list(dict.fromkeys(found.told(who.language) for found in refused.faults))


def differences(current: Entry, kept: Mapping[str, str], who: Who) -> list[str]:
    """What stands in an entry now, where a form says something else."""
    names = terms()["columns"]
    return [
        f"{names[name][who.language]}: {now or '—'}"
        for name, now in written(current).items()
        if now.split() != kept.get(name, "").split()
    ]


@router.post("/registry/{number:int}/retire")
async def retire(request: Request, number: int) -> Response:
    """Out of use, with a reason; of a person everything is erased."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = await form_of(request)
    try:
        version = whole(given.get("version"))
        registry.retire(number, version=version, by=who.login, reason=given.get("reason", "")[:200])
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    except Stale:
        return entry_page(request, pages, who, number, 409, told="registry_stale")
    except Refused as refused:
        return entry_page(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return back(request, f"/registry/{number}", "registry_retired")


@router.post("/registry/{number:int}/reveal")
async def reveal(request: Request, number: int) -> Response:
    """A person's name and contact, once, for a reason that goes into the audit log."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = await form_of(request)
    try:
        revealed = registry.reveal(number, by=who.login, role=who.role, reason=given.get("reason", "")[:200])
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    except Refused as refused:
        return entry_page(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return entry_page(request, pages, who, number, revealed=revealed)


# --- the table -----------------------------------------------------------------------------------------------------


@router.get("/registry/table.{ending}")
async def download(request: Request, ending: str, kind: str = "", town: str = "") -> Response:
    """The entries in use as a table, without persons."""
    who, pages = signed_in(request, *EDITORS, "leader"), page_of(request)
    if ending not in FILES:
        return pages.show(request, "forbidden.html", http=404, who=who)
    content = await run_in_threadpool(table.export, registry_of(request), ending, kind=kind or None, town=town or None)
    name = {"Content-Disposition": f'attachment; filename="minhu-registry.{ending}"'}
    return Response(content, media_type=FILES[ending], headers=name)


@router.get("/registry/import", response_class=HTMLResponse)
async def import_form(request: Request) -> Response:
    """Where a table is brought in."""
    who, pages = signed_in(request, *EDITORS), page_of(request)
    return import_page(request, pages, who)


def import_page(
    request: Request, pages: Page, who: Who, http: int = 200, counts: table.Counts | None = None, ticket: str = "",
    faults: list[str] | None = None, told: str | None = None,
) -> HTMLResponse:  # fmt: skip
    """The page with, after a dry run, what the table would do or what is wrong with it."""
    columns = [name for name in (*table.COLUMNS, *table.OF_PERSONS) if name != "version"]
    return pages.show(
        request, "registry_import.html", http=http, who=who, **words_for(pages, who), counts=counts, ticket=ticket,
        faults=(faults or [])[:SHOWN], more=len(faults or []) - SHOWN, told=told, columns=columns, needed=NEEDED,
        subkinds=terms()["subkinds"],
    )  # fmt: skip


@router.post("/registry/import")
async def dry_run(request: Request) -> Response:
    """Reads a table and says what it would do; nothing is written."""
    who, pages = signed_in(request, *EDITORS), page_of(request)
    await form_of(request)
    file = (await request.form()).get("file")
    content = await file.read(LONGEST_FILE + 1) if file is not None and not isinstance(file, str) else b""
    if not 0 < len(content) <= LONGEST_FILE:
        return import_page(request, pages, who, 422, told="registry_file")
    registry, books = registry_of(request), request.app.state.books
    try:
        counts = await run_in_threadpool(table.take_in, registry, content, by=who.login, dry_run=True)
    except RegistryRefused as refused:
        return import_page(request, pages, who, 422, faults=told_of(refused, who))
    ticket = books.uploads.keep(who.login, content, registry.clock()) if counts.new + counts.changed else ""
    return import_page(request, pages, who, counts=counts, ticket=ticket)


@router.post("/registry/import/confirm")
async def take_in(request: Request) -> Response:
    """Takes in the table of a dry run, all of it or nothing."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = await form_of(request)
    content = request.app.state.books.uploads.take(given.get("ticket", ""), who.login, registry.clock())
    if content is None:
        return import_page(request, pages, who, 409, told="registry_upload_again")
    try:
        await run_in_threadpool(table.take_in, registry, content, by=who.login)
    except RegistryRefused as refused:
        return import_page(request, pages, who, 422, faults=told_of(refused, who))
    except Refused as refused:
        return import_page(request, pages, who, 409, told=f"refused_{refused.code}")
    return back(request, "/registry", "registry_taken_in")


# --- a case's links ------------------------------------------------------------------------------------------------


def box(request: Request, who: Who, case: Any) -> Box:
    """What `_case_registry.html` shows beside a case, as `registry`. Persons are for the desk and leaders only."""
    registry, persons = registry_of(request), who.role in (*EDITORS, "leader")
    linked = [one for one in registry.entries_of(case.id) if persons or one.entry.kind != PERSON]
    edits = who.role in EDITORS
    nearby = registry.find(town=case.town, village=case.village, persons=False) if edits and case.town else []
    opens = {
        one.entry.id
        for one in linked
        if persons or (who.role == "unit" and registry.sees(who.unit or "", one.entry))
    }  # fmt: skip
    counts = registry.case_counts([one.entry.id for one in linked])
    return Box(linked, nearby, counts, frozenset(opens), edits)


@router.get("/cases/{number}/registry", response_class=HTMLResponse)
async def case_registry(request: Request, number: str) -> Response:
    """The links of a case on a page of their own, with the form that registers its resident."""
    who, pages = signed_in(request), page_of(request)
    return case_registry_page(request, pages, who, number)


def case_registry_page(
    request: Request, pages: Page, who: Who, number: str, faults: list[str] | None = None
) -> HTMLResponse:
    """The page with, after a form, what is wrong with it."""
    try:
        case, _ = seen(pages, who, number)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    return pages.show(
        request, "case_registry.html", http=422 if faults else 200, who=who, **words_for(pages, who), case=case,
        registry=box(request, who, case), link_roles=LINK_ROLES[:-1], faults=faults or [],
    )  # fmt: skip


@router.post("/cases/{number}/link")
async def link(request: Request, number: str) -> Response:
    """Points the case at an entry by its code (or kind/code)."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = await form_of(request)
    seen_or_missing(pages, who, number)
    try:
        found = registry.by_code(given.get("code", "")[:100])
        role = RESIDENT if found.kind == PERSON else given.get("role") or LINK_ROLES[0]
        registry.link(number, found.id, by=who.login, role=role)
    except NotFound:
        return back(request, f"/cases/{number}", "refused_no_entry")
    except Refused as refused:
        return back(request, f"/cases/{number}", f"refused_{refused.code}")
    return back(request, f"/cases/{number}", "registry_linked")


@router.post("/cases/{number}/unlink")
async def unlink(request: Request, number: str) -> Response:
    """Takes a link away."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = await form_of(request)
    seen_or_missing(pages, who, number)
    try:
        registry.unlink(number, whole(given.get("entry")), by=who.login)
    except NotFound:
        return back(request, f"/cases/{number}", "refused_no_entry")
    except Refused as refused:
        return back(request, f"/cases/{number}", f"refused_{refused.code}")
    return back(request, f"/cases/{number}", "registry_unlinked")


@router.post("/cases/{number}/person")
async def person(request: Request, number: str) -> Response:
    """Registers the resident of the case, with their consent."""
    who, pages, registry = signed_in(request, *EDITORS), page_of(request), registry_of(request)
    given = await form_of(request)
    seen_or_missing(pages, who, number)
    try:
        registry.add_person(number, name=given.get("name", ""), consent=given.get("consent", "")[:500], by=who.login)
    except RegistryRefused as refused:
        return case_registry_page(request, pages, who, number, told_of(refused, who))
    except Refused as refused:
        return case_registry_page(request, pages, who, number, [pages.word(f"refused_{refused.code}", who.language)])
    return back(request, f"/cases/{number}/registry", "registry_saved")


def seen_or_missing(pages: Page, who: Who, number: str) -> None:
    """Raises Forbidden where there is no such case for them."""
    try:
        seen(pages, who, number)
    except NotFound as missing:
        raise Forbidden from missing
