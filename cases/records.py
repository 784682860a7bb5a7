"""Records of group service, the five kinds of what grid workers do in residents' groups, filed by whatever channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import audit
from cases.audit import MARK
from cases.case import Case, Matter, mask_words
from cases.conversations import insert_new, now_utc
from cases.county import County
from cases.desk import Desk
from cases.errors import NotFound, Refused
from cases.store import Moment, Store, cases, metadata

PUBLICITY, DISCLOSURE, PROBLEM, CONVENIENCE, OPINION = "publicity", "disclosure", "problem", "convenience", "opinion"
KINDS = (PUBLICITY, DISCLOSURE, PROBLEM, CONVENIENCE, OPINION)
OPEN, DONE = "open", "done"
PAGE = 50
LONGEST = 4000
LARGEST_KEY = 2**63 - 1
ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

group_records = sa.Table(
    "group_records",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("ref", sa.String(160), nullable=False, unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("group_id", sa.String(120)),
    sa.Column("group_name", sa.String(120)),
    sa.Column("town", sa.String(20)),
    sa.Column("village", sa.String(20)),
    sa.Column("grid", sa.String(40)),
    sa.Column("author", sa.String(80), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("conversation_id", sa.String(200)),
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id")),
    sa.Column("state", sa.String(10)),
    sa.Column("done", sa.Text),
    sa.Column("done_by", sa.String(80)),
    sa.Column("done_at", Moment),
    sa.Index("ix_group_records_day", "day", "kind"),
    sa.Index("ix_group_records_place", "town", "kind", "id"),
)


@dataclass(frozen=True)
class Record:
    """One record. `author` is the login of a grid worker or member of staff; `state` is open or done for opinions, None
    for all others; `case_id` is set once a problem became a case; `day` is the county's."""

    id: int
    ref: str
    kind: str
    channel: str
    group_id: str | None
    group_name: str | None
    town: str | None
    village: str | None
    grid: str | None
    author: str
    words: str
    at: datetime
    day: date
    case_id: int | None
    state: str | None
    done: str | None
    done_by: str | None
    done_at: datetime | None

    @property
    def public_words(self) -> str:
        """The words as a group or the public may see them: no phone or identity number."""
        return mask_words(self.words)


@dataclass(frozen=True)
class Count:
    """How many records of a kind a grid had on a day; grid None: the town or village alone is known."""

    day: date
    town: str | None
    grid: str | None
    kind: str
    count: int


class Records:
    """The records of one county. Raises Refused, NotFound; then nothing has changed."""

    def __init__(self, store: Store, county: County, clock: Callable[[], datetime] = now_utc) -> None:
        """`clock` gives aware datetimes."""
        self.store, self.county, self.clock = store, county, clock

    def file(
        self,
        *,
        kind: str,
        ref: str,
        channel: str,
        author: str,
        words: str,
        grid: str | None = None,
        village: str | None = None,
        town: str | None = None,
        group_id: str | None = None,
        group_name: str | None = None,
    ) -> Record:
        """Files one record; the same ref is the same record, whatever else is said. A grid brings its village and town.

        Raises Refused: record_kind, record_ref, record_words, record_author, unknown_place.
        """
        if kind not in KINDS:
            raise Refused("record_kind")
        if not 0 < len(ref) <= 160:
            raise Refused("record_ref")
        if not 0 < len(words.strip()) <= LONGEST:
            raise Refused("record_words")
        if author not in self._authors:
            raise Refused("record_author")
        now = self.clock()
        row = {
            "ref": ref, "kind": kind, "channel": channel[:20], "group_id": group_id, "group_name": group_name,
            **self._place(grid, village, town), "author": author, "words": words, "at": now,
            "day": now.astimezone(self.county.zone).date(), "state": OPEN if kind == OPINION else None,
        }  # fmt: skip
        with self.store.write() as write:
            added = write.execute(insert_new(write)(group_records).values(**row).on_conflict_do_nothing()).rowcount
            record = self._need(write, group_records.c.ref == ref)
            if added:
                self._note(write, author, "file", record)
            return record

    def record(self, record_id: int) -> Record:
        """By id. Raises NotFound."""
        with self.store.read() as read:
            return self._need(read, group_records.c.id == record_id if record_id <= LARGEST_KEY else sa.false())

    def find(
        self,
        *,
        kind: str | None = None,
        town: str | None = None,
        grid: str | None = None,
        towns: Collection[str] | None = None,
        open_only: bool = False,
        page: int = 1,
    ) -> list[Record]:
        """50 a page, newest first. `towns`: only those of these towns; `open_only`: problems that are no case yet and
        opinions that nobody dealt with."""
        c = group_records.c
        wanted = {"kind": kind, "town": town, "grid": grid}
        query = sa.select(group_records).where(*(c[name] == code for name, code in wanted.items() if code))
        if towns is not None:
            query = query.where(c.town.in_(towns))
        if open_only:
            query = query.where(sa.or_(c.state == OPEN, sa.and_(c.kind == PROBLEM, c.case_id.is_(None))))
        with self.store.read() as read:
            rows = read.execute(query.order_by(c.id.desc()).limit(PAGE).offset((page - 1) * PAGE)).mappings()
            return [record_of(row) for row in rows]

    def become_case(self, record_id: int, desk: Desk, matter: Matter, *, by: str) -> Case:
        """Files a problem as a case, once: whoever tries again gets the case it became. The words are the record's,
        the filing key is its id and the conversation that of the first try, so that neither two clerks nor a process
        killed in between leave anything double. `matter` needs an open conversation. Raises Refused."""
        record, conversation = self._claim(record_id, matter.conversation_id)
        if record.case_id is not None:
            return desk.case(record.case_id)
        case = desk.file(replace(matter_of(record, matter), conversation_id=conversation))
        with self.store.write() as write:
            free = (group_records.c.id == record_id, group_records.c.case_id.is_(None))
            if write.execute(group_records.update().where(*free).values(case_id=case.id)).rowcount:
                self._note(write, by, "case", record, case.number)
        return case

    def _claim(self, record_id: int, conversation_id: str) -> tuple[Record, str]:
        """The record and the conversation that its case is filed under."""
        c, here = group_records.c, group_records.c.id == record_id
        with self.store.write() as write:
            record = self._need(write, here)
            if record.kind != PROBLEM:
                raise Refused("record_no_problem")
            first = group_records.update().where(here, c.conversation_id.is_(None))
            write.execute(first.values(conversation_id=conversation_id))
            return record, write.execute(sa.select(c.conversation_id).where(here)).scalar_one()

    def settle(self, record_id: int, *, done: str, by: str) -> Record:
        """Says what was done about an opinion, once. Raises Refused."""
        if not 0 < len(done.strip()) <= LONGEST:
            raise Refused("record_done_words")
        with self.store.write() as write:
            here = group_records.c.id == record_id
            record = self._need(write, here)
            if record.kind != OPINION:
                raise Refused("record_no_opinion")
            row = {"state": DONE, "done": done.strip(), "done_by": by, "done_at": self.clock()}
            if not write.execute(
                group_records.update().where(here, group_records.c.state == OPEN).values(**row)
            ).rowcount:
                raise Refused("record_done_before")
            self._note(write, by, "settle", record)
            return self._need(write, here)

    def counts(self, since: date, until: date, towns: Collection[str] | None = None) -> list[Count]:
        """Records per day, grid and kind, from `since` to `until` (both counted), in that order."""
        c = group_records.c
        columns = (c.day, c.town, c.grid, c.kind)
        query = sa.select(*columns, sa.func.count().label("count")).where(c.day.between(since, until))
        if towns is not None:
            query = query.where(c.town.in_(towns))
        order = (c.day, *(sa.func.coalesce(place, "") for place in (c.town, c.grid)), c.kind)
        with self.store.read() as read:
            return [Count(**row) for row in read.execute(query.group_by(*columns).order_by(*order)).mappings()]

    def cases_of(self, records: Collection[Record]) -> dict[int, str]:
        """Record id → number of the case it became."""
        ids = {record.case_id: record.id for record in records if record.case_id is not None}
        with self.store.read() as read:
            rows = read.execute(sa.select(cases.c.id, cases.c.number).where(cases.c.id.in_(ids)))
            return {ids[case_id]: number for case_id, number in rows}

    # --- inside --------------------------------------------------------------------------------------------------

    @cached_property
    def _authors(self) -> set[str]:
        county = self.county
        members = [member.login for member in county.staff] + [adviser.login for adviser in county.advisers]
        return {grid.worker for grid in county.grids if grid.worker} | set(members)

    def _place(self, grid: str | None, village: str | None, town: str | None) -> dict[str, str | None]:
        """Raises Refused for a code there isn't and for codes that don't lie in each other."""
        try:
            lies_in = self.county.grid(grid).village_code if grid else village
            within = self.county.village(lies_in).town_code if lies_in else town
            if within:
                self.county.town(within)
        except LookupError as unknown:
            raise Refused("unknown_place") from unknown
        if village not in (None, lies_in) or town not in (None, within):
            raise Refused("unknown_place")
        return {"grid": grid, "village": lies_in, "town": within}

    def _need(self, connection: Connection, here: Any) -> Record:
        row = connection.execute(sa.select(group_records).where(here)).mappings().first()
        if row is None:
            raise NotFound("record")
        return record_of(row)

    def _note(self, write: Connection, by: str, what: str, record: Record, reason: str | None = None) -> None:
        audit.note(write, self.clock(), by, f"record_{what}", f"{record.kind}/{record.id}", reason)


def forget(write: Connection, found: Any, name: str | None, keep_place: bool) -> int:
    """Takes what a resident said, and where it was, out of the records that became their cases; returns how many.

    `found` is the condition for them, `name` what the resident is called from now on.
    """
    change: dict[str, Any] = {"words": MARK, "conversation_id": name}
    if not keep_place:
        change |= dict.fromkeys(("village", "grid", "group_id", "group_name"))
    return int(write.execute(group_records.update().where(found).values(**change)).rowcount)


def matter_of(record: Record, matter: Matter) -> Matter:
    """The matter of a record: its words under its own filing key; its place, unless the caller knows another town."""
    known = replace(matter, filing_key=f"record:{record.id}", words=(record.words,))
    if matter.town:
        return known
    return replace(known, town=record.town, village=record.village, grid=record.grid)


def record_of(row: Mapping[str, Any]) -> Record:
    """A record from its row."""
    return Record(**{f.name: row[f.name] for f in fields(Record)})
