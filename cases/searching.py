"""Finds cases by what their residents said and by their numbers, in a store of any size.

The index lies beside the cases and is kept up by a chore (`CaseIndex.catch_up`), never by a move: nothing that is wrong
with it can stop one. Each case remembers which of its versions the index knows; those it doesn't know yet are looked
at one by one, so that a search is always complete. What the index names is held against the case itself.
"""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.lifecycle import OPEN
from cases.store import Store, cases, supporters

log = logging.getLogger("minhu.searching")

T = TypeVar("T")
#: cases of one kind (open, ended) that the index names for one search, the newest first
MOST = 1000
#: cases taken in by one transaction
AT_ONCE = 200
TABLE = "case_search"
RUN = re.compile(r"[^\W_]+")
#: what may be a case's number, whole or its end
NUMBER = re.compile(r"[A-Za-z]{0,6}[\d\s-]{4,}")
TAILS = (4, 5, 6, 10, 12, 14)
#: begins what is no part of anybody's words; stands for signs that would end a word of the index, too
MARK = "§"

ALL = sa.true()
FTS = sa.text(f"select rowid from {TABLE} where {TABLE} match :asked order by rowid desc limit :most")
#: PostgreSQL reads what many of so many cases say (this share) out of its newest rows, and the rest out of its index
SAMPLE, FREQUENT = 10_000, 0.01
GIN_NEWEST = sa.text(
    f"select rowid from (select rowid, terms from {TABLE} order by rowid desc limit :newest) newest "
    "where terms @@ cast(:asked as tsquery) limit :most"
)
GIN = sa.text(
    f"with named as materialized (select rowid from {TABLE} where terms @@ cast(:asked as tsquery)) "
    "select rowid from named order by rowid desc limit :most"
)
#: cases that the index doesn't know as they are; spelt out so that both databases see that their index fits
STALE = sa.literal_column("cases.indexed_version <> cases.version")
sa.Index("ix_cases_stale", cases.c.id, sqlite_where=sa.text("indexed_version <> version"),
         postgresql_where=sa.text("indexed_version <> version"))  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """Whose cases: everybody's, those a unit leads or helps with, or an adviser's."""

    unit: str | None = None
    adviser: str | None = None

    def holds(self) -> Any:
        """The condition on a case."""
        if self.unit is not None:
            # asked of each case that is looked at, which are few, instead of reading all that the unit ever helped with
            helped = sa.select(supporters.c.case_id).where(
                supporters.c.case_id == cases.c.id, supporters.c.unit == self.unit
            )
            return sa.or_(cases.c.unit == self.unit, helped.exists())
        return cases.c.adviser == self.adviser if self.adviser is not None else sa.true()

    def terms(self) -> tuple[str, ...]:
        """The same in the index."""
        found = (("u", self.unit), ("a", self.adviser))
        return tuple(_mark(kind, code) for kind, code in found if code is not None)


def said(words: str) -> Any:
    """The condition that a case was told of in these words, or has this number or end of a number."""
    told = json.dumps(words, ensure_ascii=False)[1:-1].lower()
    held = [sa.func.lower(sa.cast(cases.c.words, sa.Text)).contains(told, autoescape=True)]
    if digits := _digits(words):
        held.append(sa.func.replace(cases.c.number, "-", "").endswith(digits, autoescape=True))
    return sa.or_(*held)


class CaseIndex:
    """Pairs of neighbouring signs, ends of numbers, and whose a case is: SQLite's FTS5, PostgreSQL's GIN."""

    def __init__(self, store: Store) -> None:
        """Nothing is made before the first case is taken in."""
        self._store = store

    # --- keeping up ----------------------------------------------------------------------------------------------

    def catch_up(self, which: Any = ALL) -> int:
        """Takes in all that changed, of those cases that fulfil a condition; returns how many."""
        return sum(iter(lambda: self.take_in(which), 0))

    def take_in(self, which: Any = ALL) -> int:
        """Takes in some of what changed; returns how many cases. An index that is broken is made again."""
        return self._mended(lambda: self._take_in(which))

    def make_again(self) -> None:
        """An empty index, which knows no case."""
        with self._store.write() as write:
            write.execute(sa.text(f"drop table if exists {TABLE}"))
            self._make(write)

    def forget(self, which: Any) -> None:
        """Leaves nothing in the index of what cases that fulfil a condition no longer say; one that is broken goes."""
        with self._store.read() as read:
            if not sa.inspect(read).has_table(TABLE):
                return
        self.catch_up(which)
        if self._store.on_sqlite:
            self._mended(self._write_together)

    def _mended(self, work: Callable[[], T]) -> T:
        """What the work gives, done again on an empty index where the old one is broken."""
        try:
            return work()
        except sa.exc.OperationalError:
            raise
        except sa.exc.DatabaseError as broken:
            log.warning("the search index is made again: %s", broken.orig)
            self.make_again()
            return work()

    def _write_together(self) -> None:
        """FTS5 keeps what was deleted until the blocks that it lies in are merged."""
        step = -AT_ONCE
        while True:
            with self._store.write() as write:
                before = _changes(write)
                write.execute(sa.text(f"insert into {TABLE} ({TABLE}, rank) values ('merge', {step})"))
                if _changes(write) - before < 2:
                    return
            step = AT_ONCE

    def _take_in(self, which: Any) -> int:
        stale = sa.select(cases).where(STALE, which).order_by(cases.c.id).limit(AT_ONCE)
        with self._store.read() as read:
            if read.execute(stale.limit(1)).first() is None:
                return 0
        with self._store.write() as write:
            if not sa.inspect(write).has_table(TABLE):
                self._make(write)
            rows = write.execute(self._store.lock_row(stale, skip_locked=True)).mappings().all()
            helping = _helping(write, [row["id"] for row in rows])
            self._replace(write, {row["id"]: list(_terms_of(row, helping[row["id"]])) for row in rows})
            known = sa.update(cases).where(cases.c.id.in_([row["id"] for row in rows]))
            write.execute(known.values(indexed_version=cases.c.version))
        return len(rows)

    def _make(self, write: Connection) -> None:
        if self._store.on_sqlite:
            write.execute(
                sa.text(f"create virtual table {TABLE} using fts5(terms, tokenize='ascii', detail='none', prefix='1')")
            )
        else:
            write.execute(sa.text(f"create table {TABLE} (rowid bigint primary key, terms tsvector not null)"))
            write.execute(sa.text(f"create index ix_{TABLE} on {TABLE} using gin (terms)"))
        write.execute(sa.update(cases).values(indexed_version=0))

    def _replace(self, write: Connection, terms: Mapping[int, Sequence[str]]) -> None:
        if not terms:
            return
        ids = sa.bindparam("ids", list(terms), expanding=True)
        write.execute(sa.text(f"delete from {TABLE} where rowid in :ids").bindparams(ids))
        embedded = self._store.on_sqlite
        held = ":terms" if embedded else "array_to_tsvector(:terms)"
        rows = [{"id": case_id, "terms": " ".join(found) if embedded else found} for case_id, found in terms.items()]
        write.execute(sa.text(f"insert into {TABLE} (rowid, terms) values (:id, {held})"), rows)

    # --- searching -----------------------------------------------------------------------------------------------

    def find(self, words: str, scope: Scope, status: str | None, first: int, most: int) -> list[int]:
        """Ids of cases that were told of in these words: open ones as they stand in the queue, then the newest ended.

        The first `first` are passed over and at most `most` are given; of very many ended ones the newest are found.
        """
        c, until, found = cases.c, first + most, list[int]()
        # a function keeps SQLite from going by the status instead of by the ids that the index named
        held = [said(words), scope.holds(), *([sa.func.coalesce(c.status, "") == status] if status else [])]
        for is_open in (True, False):
            if len(found) >= until or (status and (status in OPEN) is not is_open):
                continue
            known = self._known(words, scope, status, is_open)
            order = (c.pressing, c.due_at, c.id) if is_open else (c.id.desc(),)
            here = c.open.is_(is_open) if known is None else sa.and_(sa.func.coalesce(c.open, True).is_(is_open), known)
            query = sa.select(c.id).where(here, *held).order_by(*order)
            with self._store.read() as read:
                found += read.execute(query.limit(until - len(found))).scalars()
        return found[first:]

    def _known(self, words: str, scope: Scope, status: str | None, is_open: bool) -> Any:
        """The condition that the index names a case, or doesn't know it yet; None where that helps nothing."""
        which = _mark("o", str(is_open)) if status is None else _mark("s", status)
        named = self._named(words, [*scope.terms(), which])
        if named is None or (is_open and len(named) == MOST):
            return None  # so many that they are soon met in the queue
        with self._store.read() as read:
            fresh = read.execute(sa.select(cases.c.id).where(STALE).limit(MOST)).scalars().all()
        return cases.c.id.in_([*named, *fresh]) if len(fresh) < MOST else None

    def _named(self, words: str, marks: Sequence[str]) -> list[int] | None:
        """Ids that the index names, the newest MOST; None where there is no index that could."""
        asked = {"asked": _asked(words, marks, self._store.on_sqlite), "most": MOST}
        try:
            with self._store.read() as read:
                if self._store.on_sqlite:
                    return list(read.execute(FTS, asked).scalars())
                return self._newest(read, asked) or list(read.execute(GIN, asked).scalars())
        except sa.exc.DatabaseError as broken:
            log.info("searching without an index: %s", broken.orig)
            return None

    @staticmethod
    def _newest(read: Connection, asked: Mapping[str, Any]) -> list[int] | None:
        """MOST ids out of the newest rows, where so many of a sample say it that they are soon found there."""
        found = list(read.execute(GIN_NEWEST, {**asked, "newest": SAMPLE}).scalars())
        if FREQUENT * SAMPLE <= len(found) < MOST:
            found = list(read.execute(GIN_NEWEST, {**asked, "newest": 2 * SAMPLE * MOST // len(found)}).scalars())
        return found if len(found) == MOST else None


def _terms_of(row: Mapping[str, Any], helping: Iterable[str]) -> Iterator[str]:
    """What a case is found by."""
    found = dict.fromkeys(pair for words in row["words"] for pair in _pairs(words))
    yield from found
    digits = re.sub(r"\D", "", row["number"])
    yield from (_mark("n", digits[-tail:]) for tail in TAILS if tail <= len(digits))
    yield from (_mark("o", str(row["open"])), _mark("s", row["status"]))
    yield from (_mark("u", unit) for unit in dict.fromkeys((row["unit"], *helping)) if unit)
    if row["adviser"]:
        yield _mark("a", row["adviser"])


def _pairs(words: str) -> Iterator[str]:
    """Each sign with the one behind it; the last of a run stands alone."""
    for run in RUN.findall(words.lower()):
        yield from (run[at : at + 2] for at in range(len(run)))


def _asked(words: str, marks: Sequence[str], embedded: bool) -> str:
    """The question to the index, in the words of its engine: all that was asked (or the number), and all marks."""
    both, either, begins = ("AND", "OR", " *") if embedded else ("&", "|", ":*")
    told = []
    for run in RUN.findall(words.lower()):
        pairs = [run[at : at + 2] for at in range(len(run) - 1)]
        told += [_quoted(pair, embedded) for pair in pairs] or [_quoted(run, embedded) + begins]
    parts = [f" {both} ".join(told)] if told else []
    if digits := _digits(words):
        tail = max(tail for tail in TAILS if tail <= len(digits))
        parts.append(_quoted(_mark("n", digits[-tail:]), embedded))
    asked = [f"({f' {either} '.join(parts)})"] if parts else []
    return f" {both} ".join([*asked, *(_quoted(mark, embedded) for mark in marks)])


def _quoted(term: str, embedded: bool) -> str:
    return f'"{term}"' if embedded else f"'{term}'"


def _digits(words: str) -> str | None:
    """The digits of what may be a case's number or the end of one."""
    digits = re.sub(r"\D", "", words) if NUMBER.fullmatch(words.strip()) else ""
    return digits if len(digits) >= min(TAILS) else None


def _mark(kind: str, code: str) -> str:
    return MARK + kind + re.sub(r"[^0-9a-z]", MARK, code.lower())


def _helping(read: Connection, ids: Sequence[int]) -> Mapping[int, list[str]]:
    found = defaultdict[int, list[str]](list)
    for case_id, unit in read.execute(
        sa.select(supporters.c.case_id, supporters.c.unit).where(supporters.c.case_id.in_(ids))
    ):
        found[case_id].append(unit)
    return found


def _changes(write: Connection) -> int:
    return int(write.connection.total_changes)
