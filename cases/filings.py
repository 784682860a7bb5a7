"""Cases as the other system that filed them may see them: its own ones only, and the last public words to each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.case import Case
from cases.errors import NotFound
from cases.lifecycle import OPEN
from cases.rows import case_of
from cases.store import Store, cases, events, messages

#: moves that answer or end a case: the newest of their notes is what another system is told
PUBLIC = ("answer", "outside_answer", "close", "refuse", "uphold")


@dataclass(frozen=True)
class Filing:
    """A case, when something last happened to it (aware), and what was last said to the resident (numbers hidden)."""

    case: Case
    updated_at: datetime
    said: str | None

    @property
    def open(self) -> bool:
        """Whether it is still being worked on."""
        return self.case.status in OPEN


class Filings:
    """Reads the cases whose conversations start with one prefix, such as `open311:client:`. It changes nothing."""

    def __init__(self, store: Store) -> None:
        """`store`: the one the desk files into."""
        self._store = store

    def one(self, prefix: str, number: str) -> Filing:
        """By number. Raises NotFound, also for somebody else's."""
        found = self.numbered(prefix, [number])
        if not found:
            raise NotFound(number)
        return found[0]

    def numbered(self, prefix: str, numbers: Collection[str]) -> list[Filing]:
        """Those of the numbers that are its own, newest first; 1,000 numbers at most."""
        return self._filings(self._own(prefix).where(cases.c.number.in_(list(numbers))))

    def number_in(self, conversation_id: str) -> str | None:
        """The number of what was filed in a conversation of its own, not of what was split off from it later."""
        query = sa.select(cases.c.number).where(
            cases.c.conversation_id == conversation_id, cases.c.split_from.is_(None)
        )
        with self._store.read() as read:
            number: str | None = read.execute(query.order_by(cases.c.id).limit(1)).scalar()
        return number

    def search(
        self,
        prefix: str,
        *,
        since: datetime,
        until: datetime,
        categories: Collection[str] = (),
        statuses: Collection[str] = (),
        limit: int,
    ) -> list[Filing]:
        """Filed from `since` to `until` (both count), newest first. `statuses`: open, closed; empty is both."""
        query = self._own(prefix).where(cases.c.created_at >= since, cases.c.created_at <= until)
        if categories:
            query = query.where(cases.c.category.in_(list(categories)))
        if set(statuses) == {"open"}:
            query = query.where(cases.c.status.in_(OPEN))
        elif set(statuses) == {"closed"}:
            query = query.where(cases.c.status.not_in(OPEN))
        return self._filings(query.limit(limit))

    def waiting(self, conversation_ids: Collection[str]) -> list[int]:
        """Ids of what was said in these conversations and has not been fetched yet."""
        query = sa.select(messages.c.id).where(
            messages.c.conversation_id.in_(list(conversation_ids)), messages.c.delivery == "waiting"
        )
        with self._store.read() as read:
            return list(read.execute(query).scalars())

    def _own(self, prefix: str) -> Any:
        return sa.select(cases).where(self._starts(prefix)).order_by(cases.c.created_at.desc(), cases.c.id.desc())

    def _starts(self, prefix: str) -> Any:
        """On SQLite as a range, which its index can answer; PostgreSQL sorts by locale, where a range may miss some."""
        column = cases.c.conversation_id
        if self._store.on_sqlite:
            return sa.and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))
        return column.startswith(prefix, autoescape=True)

    def _filings(self, query: Any) -> list[Filing]:
        with self._store.read() as read:
            found = [case_of(row) for row in read.execute(query).mappings()]
            ids = [case.id for case in found]
            last, said = _last_event(read, ids), _last_words(read, ids)
        return [Filing(case, case.closed_at or last.get(case.id, case.created_at), said.get(case.id)) for case in found]


def _last_event(read: Connection, ids: Sequence[int]) -> dict[int, datetime]:
    if not ids:
        return {}
    query = sa.select(events.c.case_id, sa.func.max(events.c.at)).where(events.c.case_id.in_(ids))
    return dict(tuple(row) for row in read.execute(query.group_by(events.c.case_id)))


def _last_words(read: Connection, ids: Sequence[int]) -> dict[int, str]:
    """The newest note of a public move by case id."""
    if not ids:
        return {}
    query = sa.select(events.c.case_id, events.c.note).where(
        events.c.case_id.in_(ids), events.c.move.in_(PUBLIC), events.c.note.is_not(None), events.c.note != ""
    )
    return dict(tuple(row) for row in read.execute(query.order_by(events.c.case_id, events.c.seq)))
