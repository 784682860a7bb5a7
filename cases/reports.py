"""Assessment of a period (定时考核): figures in all and by unit, level, town, grid and category, from events alone.

What each count is stands in assessment.py. Rates here are counts over counts, so 0 to 1, or None where nothing was to
be counted:
    response        responded / respond_due                      响应率
    in_time_rate    in_time / limits                             限时办结
    resolution      solved / judged                              解决率
    satisfaction    satisfied / rated; who didn't rate is in neither    满意率
    prompt          desk_in_time / desk_due                      即时交办
    first_dispatch  first_right / first_judged
    return_rate     returned / held
    heard_rate      heard_in_time / hear_due
    village_share   settled at grid or village / settled at all levels   小事不出村
    town_share      settled at grid, village or town / settled at all levels   大事不出镇
and means, which have no upper end:
    returns_per_case   returns_before / closed
    hours_to_sign      signed_seconds / signed, in hours on the clock
    minutes_to_hear    heard_seconds / heard, in minutes on the clock

A period is [start, end). Only events before its end count, and what a later move changes in a case is undone by what
that move's event tells, so a report comes out the same whenever it is computed. Notes, names and words go into nothing:
they may be erased later without changing a figure.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.assessment import Hand, Life, Step
from cases.county import County
from cases.lifecycle import OPEN
from cases.store import cases, events

Counts = dict[str, int]
VIEWS = ("units", "levels", "towns", "grids", "categories")
_AT_ALL = tuple(f"settled_{level}" for level in ("grid", "village", "town", "city"))
#: rate -> counts over the line, counts under it
RATES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "response": (("responded",), ("respond_due",)),
    "in_time_rate": (("in_time",), ("limits",)),
    "resolution": (("solved",), ("judged",)),
    "satisfaction": (("satisfied",), ("rated",)),
    "prompt": (("desk_in_time",), ("desk_due",)),
    "first_dispatch": (("first_right",), ("first_judged",)),
    "return_rate": (("returned",), ("held",)),
    "heard_rate": (("heard_in_time",), ("hear_due",)),
    "village_share": (_AT_ALL[:2], _AT_ALL),
    "town_share": (_AT_ALL[:3], _AT_ALL),
}
#: mean -> sum, number, what a unit of it is
MEANS: Mapping[str, tuple[str, str, int]] = {
    "returns_per_case": ("returns_before", "closed", 1),
    "hours_to_sign": ("signed_seconds", "signed", 3600),
    "minutes_to_hear": ("heard_seconds", "heard", 60),
}
#: what a case is counted under, beside who has it
UNDER = ("category", "town", "grid")
#: of an event's detail only this goes into figures
TOLD = ("unit", "adviser", "level", "due_at", "in_time", "rating")
_STREAMED = 2000
_AMEND = "amend"


class Facts(NamedTuple):
    """What a case is counted under, as known at the end of the period; "" for what nobody knew."""

    category: str
    town: str
    grid: str
    emergency: bool


class Told(NamedTuple):
    """A case and its events before the end of the period, in order."""

    case_id: int
    facts: Facts
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Report:
    """Counts of one period: `total`, and by view and code; "" is the code of what has none (the desk, no known place).

    `sha256` is over everything that went into them.
    """

    start: datetime
    end: datetime
    total: Counts
    views: Mapping[str, Mapping[str, Counts]]
    sha256: str

    @classmethod
    def compute(cls, read: Connection, county: County, start: datetime, end: datetime) -> Report:
        """From the events, streamed: memory stays the same however many they are. Raises ValueError for no period."""
        if start.tzinfo is None or end.tzinfo is None or not start < end:
            raise ValueError(f"{start} to {end} is no period")
        seal = hashlib.sha256()
        total, views = tally(_sealed(told_cases(read, start, end), seal.update), county, start, end)
        return cls(start, end, total, views, seal.hexdigest())

    @property
    def figures(self) -> dict[str, Any]:
        """The counts as they are stored."""
        return {"total": self.total, **self.views}


def value(counts: Mapping[str, int], code: str) -> int | float | None:
    """A figure: a count, a rate (0 to 1) or a mean; None where there was nothing to count."""
    if code in RATES:
        over, under = (sum(counts.get(name, 0) for name in names) for names in RATES[code])
        return over / under if under else None
    if code in MEANS:
        total, number, one = MEANS[code]
        return counts.get(total, 0) / counts[number] / one if counts.get(number) else None
    return counts.get(code, 0)


def tally(
    told: Iterable[Told], county: County, start: datetime, end: datetime
) -> tuple[Counts, dict[str, dict[str, Counts]]]:
    """The counts in all, and by view and code, of cases in any order."""
    total: Counts = defaultdict(int)
    views: dict[str, dict[str, Counts]] = {name: {} for name in VIEWS}

    def level_of(code: str) -> str:
        return county.unit(code).level if county.has_unit(code) else ""

    def cells_of(hand: Hand, facts: Facts) -> list[Counts]:
        codes = (hand.code, hand.level, facts.town, facts.grid, facts.category)
        return [total, *(views[v].setdefault(code, defaultdict(int)) for v, code in zip(VIEWS, codes, strict=True))]

    for case in told:
        touched: dict[Hand, list[Counts]] = {}

        def book(name: str, hand: Hand, many: int, touched: Any = touched, facts: Facts = case.facts) -> None:
            if not many:
                return
            if hand not in touched:
                touched[hand] = cells_of(hand, facts)
            for cell in touched[hand]:
                cell[name] += many

        Life(start, end, case.facts.emergency, level_of, book).follow(case.steps)
    return dict(sorted(total.items())), {view: _in_order(cells) for view, cells in views.items()}


def told_cases(read: Connection, start: datetime, end: datetime) -> Iterator[Told]:
    """Every case that was open at some time in the period, or of which an event lies in it, by id."""
    rows = read.execute(_query(start, end), execution_options={"stream_results": True}).yield_per(_STREAMED)
    for case_id, group in groupby(rows, key=lambda row: row.case_id):
        told = _told(case_id, list(group), end)
        if _concerns(told.steps, start):
            yield told


def _query(start: datetime, end: datetime) -> Any:
    """The events before the end, and those after it that tell what a case was counted under before them."""
    within = sa.select(events.c.case_id).where(events.c.at >= start, events.c.at < end)
    standing = sa.select(cases.c.id).where(
        cases.c.created_at < start, sa.or_(cases.c.closed_at.is_(None), cases.c.closed_at >= start)
    )
    tells = sa.or_(events.c.move == _AMEND, sa.cast(events.c.detail, sa.Text).like('%"was"%'))
    columns = [getattr(events.c, name) for name in ("case_id", *Step._fields)]
    return (
        sa.select(*columns, cases.c.category, cases.c.town, cases.c.grid, cases.c.emergency)
        .join(cases, cases.c.id == events.c.case_id)
        .where(events.c.case_id.in_(within.union(standing)), sa.or_(events.c.at < end, tells))
        .order_by(events.c.case_id, events.c.seq)
    )


def _told(case_id: int, rows: list[Any], end: datetime) -> Told:
    known = {name: getattr(rows[0], name) for name in UNDER}
    for row in reversed(rows):
        if row.at < end:
            break
        known |= _before(row, known)
    facts = Facts(**{name: code or "" for name, code in known.items()}, emergency=rows[0].emergency is not None)
    steps = (Step(r.seq, r.move, r.before, r.after, r.role, r.at, _counted(r)) for r in rows if r.at < end)
    return Told(case_id, facts, tuple(steps))


def _counted(row: Any) -> dict[str, Any]:
    """Of the detail what goes into figures; an amended field tells [old, new] and never goes into them."""
    if row.move == _AMEND or not row.detail:
        return {}
    return {name: row.detail[name] for name in TOLD if name in row.detail}


def _before(row: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a case was counted under before this event changed it."""
    if row.move == _AMEND:
        return {name: row.detail[name][0] for name in known if name in row.detail}
    was = row.detail.get("was") or {}
    return {name: was[name] for name in known if name in was}


def _concerns(steps: tuple[Step, ...], start: datetime) -> bool:
    """Whether something happened in the period, or the case was open when it began."""
    return bool(steps) and (steps[-1].at >= start or steps[-1].after in OPEN)


def _sealed(told: Iterable[Told], seal: Callable[[bytes], Any]) -> Iterator[Told]:
    for case in told:
        steps = [[*step[:5], step.at.isoformat(), step.detail] for step in case.steps]
        seal(json.dumps([case.case_id, case.facts, steps], sort_keys=True, ensure_ascii=False).encode())
        yield case


def _in_order(cells: dict[str, Counts]) -> dict[str, Counts]:
    return {code: dict(sorted(cells[code].items())) for code in sorted(cells)}
