"""One case: the resident's words, the fields and the transcript side by side, and the moves the lifecycle allows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.case import Case
from cases.county import Adviser, Unit
from cases.desk import NotFound, Refused, Stale
from cases.doubts import doubts
from cases.effects import VERIFIED, Given
from console.facts_box import facts_box
from console.page import OVERSEERS, Page, Who, back, form_of, page_of, seen, signed_in, whole
from console.photo_page import photos_of
from console.registry_page import box
from console.timeline import lines

router = APIRouter()
AMENDABLE = ("category", "town", "village", "place_said", "since_said")
DISPATCHED = 3
#: moves that are not what usually comes next: they are folded away
RARE = frozenset(
    {
        "reassign", "merge", "split", "refuse", "extend", "suspend", "supervise", "comment", "escalate", "return_case",
        "dispute", "ask_extension", "reopen", "hide",
    }
)  # fmt: skip
RETURNS = ("return_case", "dispute")
GIVEN = frozenset(f.name for f in fields(Given))


@router.get("/cases/{number}", response_class=HTMLResponse)
async def show(request: Request, number: str) -> Response:
    """The page; that it was looked at is in the audit log."""
    who, pages = signed_in(request), page_of(request)
    return page_for(request, pages, who, number)


def page_for(
    request: Request,
    pages: Page,
    who: Who,
    number: str,
    status: int = 200,
    told: str | None = None,
    contact: Any = None,
    known_version: int | None = None,
) -> Response:
    """The case page with, after a form, what was refused or revealed, or what others changed since `known_version`."""
    try:
        case, role = seen(pages, who, number)
    except NotFound:
        return pages.show(request, "forbidden.html", http=404, who=who)
    full = who.role in OVERSEERS or who.role == "adviser"
    events = pages.desk.timeline(case.id)
    moves = pages.desk.moves(case, role)
    return pages.show(
        request,
        "case.html",
        http=status,
        who=who,
        case=case,
        timeline=lines(events, pages, who.language),
        changed=lines([e for e in events if known_version is not None and e.seq > known_version], pages, who.language),
        returns=[(lines([e], pages, who.language)[0], e) for e in events if e.move in RETURNS],
        ladder=pages.desk.ladder(case) if who.role in OVERSEERS else (),
        support=pages.desk.support(case.id),
        choices=Choices.of(pages, case),
        transcript=pages.desk.transcript(case.conversation_id) if full else [],
        conversation=pages.desk.conversation(case.conversation_id) if full else None,
        moves=[m for m in moves if m.code not in RARE],
        rare=[m for m in moves if m.code in RARE],
        photos=photos_of(pages, case.conversation_id),
        doubts=doubts(case, pages.county) if full and case.step < DISPATCHED else [],
        facts_box=facts_box(pages, who, case),
        registry=box(request, who, case),
        followers=pages.desk.followers(case.id),
        told=told,
        contact=contact,
        may_reveal=pages.desk.may_reveal(case, who.role),
        now=pages.desk.clock(),
    )


@dataclass(frozen=True)
class Choices:
    """What the forms of the moves offer, as (code, unit) in the order of the list."""

    units: list[Unit]
    doors: tuple[str, ...]
    verified: tuple[str, ...]
    advisers: tuple[Adviser, ...]

    @classmethod
    def of(cls, pages: Page, case: Case) -> Choices:
        """Departments and towns, and the committees and grids of the case's own town and village."""
        county = pages.county
        near = [v.code for v in county.villages if v.town_code == case.town]
        near += [g.code for g in county.grids_of(case.village or "")]
        return cls([*county.units, *map(county.unit, near)], pages.desk.doors, VERIFIED, county.advisers)


@router.post("/cases/{number}/move")
async def move(request: Request, number: str) -> Response:
    """Makes one move of the lifecycle; a refusal or a stale page says so and changes nothing."""
    who, pages = signed_in(request), page_of(request)
    form = await form_of(request)
    case, role = seen(pages, who, number)
    version = whole(form.get("version"))
    try:
        pages.desk.move(case.id, form.get("move", ""), actor=who.login, role=role, version=version, **given(form))
    except Refused as refused:
        return page_for(request, pages, who, number, 409, told=f"refused_{refused.code}")
    except Stale:
        return page_for(request, pages, who, number, 409, told="stale", known_version=version)
    return back(request, f"/cases/{number}", "moved")


def given(form: dict[str, str]) -> dict[str, Any]:
    """What a form gives to a move: texts, a number of days, a list of units that help."""
    known: dict[str, Any] = {k: v for k, v in form.items() if k in GIVEN and v}
    if "days" in known:
        known["days"] = whole(known["days"])
    if "support" in form:
        known["support"] = tuple(code for code in form["support"].split(";") if code)
    return known


@router.post("/cases/{number}/amend")
async def amend(request: Request, number: str) -> Response:
    """Corrects fields; the resident's words can't be changed."""
    who, pages = signed_in(request, "operator", "administrator"), page_of(request)
    form = await form_of(request)
    case, _ = seen(pages, who, number)
    version = whole(form.get("version"))
    corrected = {k: form[k] or None for k in AMENDABLE if k in form}
    if wrong := unknown_code(pages, corrected):
        return page_for(request, pages, who, number, 400, told=wrong)
    try:
        pages.desk.amend(case.id, actor=who.login, role=who.role, version=version, **corrected)
    except Stale:
        return page_for(request, pages, who, number, 409, told="stale", known_version=version)
    except Refused as refused:
        return page_for(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return back(request, f"/cases/{number}", "amended")


def unknown_code(pages: Page, fields: dict[str, str | None]) -> str | None:
    """The code of what is wrong with the fields, or None."""
    county = pages.county
    for field, find in {"category": county.category, "town": county.town, "village": county.village}.items():
        try:
            if code := fields.get(field):
                find(code)
        except LookupError:
            return f"unknown_{field}"
    return None


@router.post("/cases/{number}/reveal")
async def reveal(request: Request, number: str) -> Response:
    """Shows the resident's contact once, for a reason that goes into the audit log."""
    who, pages = signed_in(request), page_of(request)
    form = await form_of(request)
    case, _ = seen(pages, who, number)
    try:
        contact = pages.desk.reveal(case.id, actor=who.login, role=who.role, reason=form.get("reason", ""))
    except Refused as refused:
        return page_for(request, pages, who, number, 409, told=f"refused_{refused.code}")
    return page_for(request, pages, who, number, contact=contact)
