"""Reports that are kept: computed when their period is over, found again, and held against a new computation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.conversations import insert_new, now_utc
from cases.county import County
from cases.reports import VIEWS, Counts, Report
from cases.store import Moment, Store, metadata

log = logging.getLogger("minhu.reports")

PERIODS = ("daily", "weekly", "monthly")
#: a period is over when all that began in it is surely written
SETTLES = timedelta(minutes=5)
#: after a stop, so many missed periods of each kind are made up for in one go
MADE_UP = 62

reports = sa.Table(
    "reports",
    metadata,
    sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("period", sa.String(10), nullable=False),
    sa.Column("start", Moment, nullable=False),
    sa.Column("end", Moment, nullable=False),
    sa.Column("figures", sa.JSON, nullable=False),
    sa.Column("computed_at", Moment, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.UniqueConstraint("period", "start", name="uq_reports_period"),
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """A stored report that comes out otherwise now. `view` and `code` say where, `count` is what differs.

    `view` is "inputs" where only the events or facts differ and no count does.
    """

    period: str
    start: datetime
    view: str
    code: str
    count: str
    stored: int
    now: int


def first_day(period: str, day: date) -> date:
    """The first day of the period that `day` lies in; a week begins on Monday. Raises ValueError for no period."""
    if period not in PERIODS:
        raise ValueError(f"{period!r} is none of {', '.join(PERIODS)}")
    if period == "weekly":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "monthly" else day


def next_first_day(period: str, first: date) -> date:
    """The first day of the period after the one that begins on `first`."""
    if period == "monthly":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if period == "weekly" else 1)


def span(county: County, period: str, day: date) -> tuple[datetime, datetime]:
    """When the period of `day` begins and ends, at midnight in the county. Raises ValueError for no period."""
    first = first_day(period, day)
    begins, ends = (datetime.combine(d, time(0), tzinfo=county.zone) for d in (first, next_first_day(period, first)))
    return begins, ends


def last_over(county: County, period: str, now: datetime) -> date:
    """The first day of the newest period that is over and settled."""
    today = first_day(period, (now - SETTLES).astimezone(county.zone).date())
    return first_day(period, today - timedelta(days=1))


def report_of(store: Store, county: County, period: str, day: date, now: datetime) -> Report:
    """The stored report of the period that `day` lies in, or what is computed now where none is stored.

    Of a period that still runs, what happened until now; raises ValueError for one that has not begun.
    """
    start, end = span(county, period, day)
    if start >= now:
        raise ValueError(f"{start.date()} is not here yet")
    with store.read() as read:
        return _stored(read, period, start) or Report.compute(read, county, start, min(end, now))


def keep_report(store: Store, county: County, period: str, day: date, now: datetime) -> Report:
    """Like `report_of`; what is over and settled is stored. One that is stored already stays as it is."""
    found, (start, end) = report_of(store, county, period, day, now), span(county, period, day)
    if end + SETTLES > now:
        return found
    values = {
        "period": period, "start": start, "end": end, "figures": found.figures, "computed_at": now,
        "sha256": found.sha256,
    }  # fmt: skip
    with store.write() as write:
        insert = insert_new(write)(reports).values(**values)
        write.execute(insert.on_conflict_do_nothing(index_elements=["period", "start"]))
    return found


def due_reports(store: Store, county: County, clock: Callable[[], datetime] = now_utc) -> int:
    """Computes and stores every report whose period is over; returns how many.

    Called again and again by the relay: cheap while nothing is due; several may call it at once. Periods missed while
    nothing ran are made up for, since the last one that is stored.
    """
    now, done = clock(), 0
    for period in PERIODS:
        for first in _missing(store, county, period, now):
            keep_report(store, county, period, first, now)
            log.info("%s report of %s stored", period, first)
            done += 1
    return done


def check_reports(store: Store, county: County) -> Iterator[Difference]:
    """Computes every stored report anew and tells what differs."""
    with store.read() as read:
        rows = read.execute(sa.select(reports.c.period, reports.c.start, reports.c.end).order_by(reports.c.id)).all()
    for period, start, end in rows:
        with store.read() as read:
            kept, anew = _stored(read, period, start), Report.compute(read, county, start, end)
        if kept is not None:
            yield from _differences(period, kept, anew)


def stored_reports(store: Store, period: str, until: datetime, limit: int = 12) -> list[Report]:
    """The stored reports of a kind that begin up to `until`, oldest first; of more than `limit` the newest."""
    query = sa.select(reports).where(reports.c.period == period, reports.c.start <= until)
    with store.read() as read:
        rows = read.execute(query.order_by(reports.c.start.desc()).limit(limit)).mappings().all()
    return [_report(row) for row in reversed(rows)]


# --- inside ----------------------------------------------------------------------------------------------------------


def _missing(store: Store, county: County, period: str, now: datetime) -> list[date]:
    """First days of the periods to be stored, oldest first."""
    newest = last_over(county, period, now)
    with store.read() as read:
        latest = read.execute(sa.select(sa.func.max(reports.c.start)).where(reports.c.period == period)).scalar()
    if latest is None:
        return [newest]
    missing, first = [], next_first_day(period, latest.astimezone(county.zone).date())
    while first <= newest:
        missing.append(first)
        first = next_first_day(period, first)
    return missing[:MADE_UP]


def _stored(read: Connection, period: str, start: datetime) -> Report | None:
    found = sa.select(reports).where(reports.c.period == period, reports.c.start == start)
    row = read.execute(found).mappings().first()
    return _report(row) if row is not None else None


def _report(row: Any) -> Report:
    figures: dict[str, Any] = row["figures"]
    return Report(row["start"], row["end"], figures["total"], {v: figures[v] for v in VIEWS}, row["sha256"])


def _differences(period: str, kept: Report, anew: Report) -> Iterator[Difference]:
    found = False
    for view, code, before, now in _cells(kept, anew):
        for count in sorted(set(before) | set(now)):
            if before.get(count, 0) != now.get(count, 0):
                found = True
                yield Difference(period, kept.start, view, code, count, before.get(count, 0), now.get(count, 0))
    if not found and kept.sha256 != anew.sha256:
        yield Difference(period, kept.start, "inputs", "", "", 0, 0)


def _cells(kept: Report, anew: Report) -> Iterator[tuple[str, str, Counts, Counts]]:
    yield "total", "", kept.total, anew.total
    for view in VIEWS:
        for code in sorted(set(kept.views[view]) | set(anew.views[view])):
            yield view, code, dict(kept.views[view].get(code, {})), dict(anew.views[view].get(code, {}))
