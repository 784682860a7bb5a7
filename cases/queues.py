"""What waits for whom: cases in the order they should be looked at, a page at a time; and the figures of now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.case import Case
from cases.lifecycle import OPEN
from cases.rows import case_of
from cases.searching import CaseIndex, Scope
from cases.store import Store, cases, conversations, supporters

PAGE = 50
#: the last page that is turned to; who looks for more searches
LAST = 200
#: how far the figures of ended cases look back
RECENT = timedelta(days=7)


class Queues:
    """Reads one store."""

    def __init__(self, store: Store) -> None:
        """Cheap."""
        self._store, self._index = store, CaseIndex(store)

    def page(self, scope: Scope, status: str | None, search: str | None, number: int) -> list[Case]:
        """A page of open cases, or of those in a status: emergencies first, then what is due soonest.

        Ended cases stand newest first; a search without a status finds them, too, behind the open ones.
        """
        first = (min(max(number, 1), LAST) - 1) * PAGE
        if search and search.strip():
            return self._of(self._index.find(search.strip(), scope, status, first, PAGE))
        c, ended = cases.c, status is not None and status not in OPEN
        order = (c.id.desc(),) if ended else (c.pressing, c.due_at, c.id)
        with self._store.read() as read:
            query = _standing_in(scope, status, order, first + PAGE).order_by(*order).offset(first).limit(PAGE)
            return [case_of(row) for row in read.execute(query).mappings()]

    def _of(self, ids: Sequence[int]) -> list[Case]:
        with self._store.read() as read:
            rows = read.execute(sa.select(cases).where(cases.c.id.in_(ids))).mappings()
            found = {row["id"]: case_of(row) for row in rows}
        return [found[one] for one in ids if one in found]

    def figures(self, now: datetime) -> dict[str, Any]:
        """Per unit and in all: open, overdue; of the last 7 days closed, share closed in time (percent), mean rating
        (1 to 5)."""
        with self._store.read() as read:
            standing, ended = _standing(read, now), _ended(read, now - RECENT)
            waiting = sa.select(sa.func.count()).select_from(conversations).where(conversations.c.holder == "waiting")
            people = read.execute(waiting).scalar_one()
        units = sorted({*standing, *ended}, key=lambda unit: (unit is not None, unit or ""))
        rows = [{**standing.get(unit, {}), **ended.get(unit, {})} for unit in units]
        total = {name: sum(row.get(name, 0) for row in rows) for name in _COUNTS}
        told = [{"unit": unit, **_figures(row)} for unit, row in zip(units, rows, strict=True)]
        return {**_figures(total), "waiting_conversations": people, "units": told}


_COUNTS = ("open", "overdue", "closed", "in_time", "rated", "points")


def _standing_in(scope: Scope, status: str | None, order: Sequence[Any], most: int) -> Any:
    """The cases of a scope; those that a unit leads and those it helps with are each read by an index of their own."""
    c = cases.c
    held = c.status == status if status is not None else c.open.is_(True)
    if scope.unit is None:
        return sa.select(cases).where(held, scope.holds())
    led = sa.select(c.id).where(held, c.unit == scope.unit).order_by(*order)
    first = [sa.select(part.limit(most).subquery()) for part in (led, _helped(scope.unit, status, order))]
    return sa.select(cases).where(c.id.in_(sa.union_all(*first)))


def _helped(unit: str, status: str | None, order: Sequence[Any]) -> Any:
    """Ids of cases that a unit helps with; of the many ended ones only the newest are read.

    A function keeps SQLite from looking through all that are in the status instead.
    """
    c, s, is_open = cases.c, supporters.c, status is None or status in OPEN
    held = sa.func.coalesce(c.status, "") == status if status is not None else sa.true()
    query = sa.select(c.id).where(c.id == s.case_id, s.unit == unit, s.open.is_(is_open), held)
    return query.order_by(*(order if is_open else (s.case_id.desc(),)))


def _standing(read: Connection, now: datetime) -> dict[str | None, dict[str, int]]:
    late = sa.func.sum(sa.case((cases.c.due_at < now, 1), else_=0))
    query = sa.select(cases.c.unit, sa.func.count(), late).where(cases.c.open.is_(True)).group_by(cases.c.unit)
    return {unit: {"open": many, "overdue": int(overdue)} for unit, many, overdue in read.execute(query)}


def _ended(read: Connection, since: datetime) -> dict[str | None, dict[str, int]]:
    """By the index of when cases ended: the status stands in a function, or SQLite takes another."""
    c, unit = cases.c, sa.func.coalesce(cases.c.unit, "")
    done = sa.func.coalesce(c.status, "").in_(("closed", "rated"))
    sums = {
        "closed": sa.func.count(),
        "in_time": sa.func.sum(sa.cast(c.in_time, sa.Integer)),
        "rated": sa.func.count(c.rating),
        "points": sa.func.sum(c.rating),
    }
    columns = (told.label(name) for name, told in sums.items())
    query = sa.select(unit.label("unit"), *columns).where(c.closed_at >= since, done).group_by(unit)
    found = read.execute(query).mappings()
    return {row["unit"] or None: {name: int(row[name] or 0) for name in sums} for row in found}


def _figures(counts: dict[str, int]) -> dict[str, Any]:
    closed, rated = counts.get("closed", 0), counts.get("rated", 0)
    return {
        "open": counts.get("open", 0),
        "overdue": counts.get("overdue", 0),
        "closed": closed,
        "in_time": f"{100 * counts['in_time'] / closed:.0f}%" if closed else None,
        "satisfaction": f"{counts['points'] / rated:.1f}" if rated else None,
    }
