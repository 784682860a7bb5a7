"""Hands cases over to a system outside: a durable record of each, tries again with patience, and follows their status.

One row a case and system. What is promised: a case whose row exists is delivered, or its row says in which state it
stays and why; and it is sent again only where that can't double it. Before every attempt the row is marked as being
sent; who finds such a mark that nobody works on any more, or an answer that was lost, asks the other side first
(`CaseSystem.find`), unless it keeps the same key apart itself (`repeats_safely`). Where neither works the row waits
for a person (`unclear`). A doubled case remains possible only where the other side denies having what it has.

States: waiting, sending, awaiting_id (delivered, their id comes later), sent (delivered); and those that end a row
until somebody resends it: failed (they refused it), given_up (too many tries), unclear, staged, withdrawn.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import audit
from cases.case import Case
from cases.conversations import insert_new
from cases.desk import Desk
from cases.errors import NotFound, Refused
from cases.outside import (
    TRIES,
    CannotTell,
    CaseSystem,
    Duplicate,
    Handed,
    HeldBack,
    Known,
    OutsideError,
    Receipt,
    Rejected,
    Status,
    Temporary,
    handed_of,
)
from cases.persons import GONE
from cases.store import Moment, cases, metadata

log = logging.getLogger("minhu.handovers")

STATES = ("waiting", "sending", "awaiting_id", "sent", "failed", "given_up", "unclear", "staged", "withdrawn")
ENDED = ("failed", "given_up", "unclear", "staged", "withdrawn")
DELIVERED = ("awaiting_id", "sent")
#: kinds of case that stay in the house: what somebody asks a law adviser is between the two
STAYS = ("consultation",)
#: what may be put up again
RESENDABLE = (*ENDED, "waiting")
BACKOFF = (timedelta(minutes=5), timedelta(minutes=30))
#: longer than every request of one attempt together may take
LEASE = timedelta(minutes=10)
POLL_EVERY = timedelta(minutes=30)
#: what could not be looked up so many times in a row is asked for once a day
PATIENCE, SELDOM = 48, timedelta(days=1)
#: how long an id is waited for
AWAIT = timedelta(days=7)
#: statuses after which nobody asks any more
CLOSED = ("closed",)
BATCH, PAGE = 20, 50
#: why a case whose resident was erased is not sent any more
ERASED = "erased"

Moved = Callable[[int, str, "str | None"], Any]

handovers = sa.Table(
    "handovers",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("system", sa.String(20), nullable=False),
    sa.Column("idempotency_key", sa.String(80), nullable=False, unique=True),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("unclear", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("misses", sa.Integer, nullable=False),
    sa.Column("their_id", sa.String(200)),
    sa.Column("token", sa.String(200)),
    sa.Column("their_status", sa.String(80)),
    sa.Column("their_note", sa.Text),
    sa.Column("status_at", Moment),
    sa.Column("untold", sa.Boolean, nullable=False),
    sa.Column("error_code", sa.String(40)),
    sa.Column("last_error", sa.Text),
    sa.Column("next_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("sent_at", Moment),
    sa.Column("updated_at", Moment, nullable=False),
    sa.UniqueConstraint("case_id", "system", name="uq_handovers_case"),
    sa.Index("ix_handovers_due", "system", "state", "next_at"),
    sa.Index("ix_handovers_their_id", "system", "their_id"),
    sa.Index("ix_handovers_untold", "untold", "status_at"),
)


@dataclass(frozen=True)
class Handover:
    """One case's way to one system. `next_at` is the next try or look; None when nothing happens by itself."""

    id: int
    case_id: int
    number: str
    system: str
    idempotency_key: str
    state: str
    attempts: int
    their_id: str | None
    token: str | None
    their_status: str | None
    their_note: str | None
    error_code: str | None
    last_error: str | None
    next_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True)
class Pushed:
    """A status that they sent by themselves, of the case with our idempotency key or their id."""

    key: str | None
    their_id: str | None
    status: str
    note: str | None
    at: datetime


class Handovers:
    """The hand-overs of one installation. Several may work at once on PostgreSQL; a killed one loses nothing."""

    def __init__(
        self,
        desk: Desk,
        system: CaseSystem | None = None,
        moved: Moved | None = None,
        tries: int = TRIES,
    ) -> None:
        """`moved(case_id, their_status, note)` hears how a case stands there whenever that has changed, at least once.

        Without a system rows can be listed and put up for resending, and nothing is sent.
        """
        self._desk, self._system, self._moved = desk, system, moved
        self._store, self._clock = desk.store, desk.clock
        self._tries = tries
        self._deaf: dict[int, datetime] = {}

    # --- what others call ----------------------------------------------------------------------------------------

    def take(self, row: Mapping[str, Any]) -> None:
        """The relay's `hand_over`: puts a case (`case_id`) up for handing over, once."""
        if self._system is None or self._desk.case(int(row["case_id"])).kind in STAYS:
            return
        now, case_id = self._clock(), int(row["case_id"])
        fresh = {
            "case_id": case_id, "system": self._system.name, "state": "waiting", "unclear": False, "attempts": 0,
            "idempotency_key": f"{row['number']}-{secrets.token_hex(8)}", "misses": 0, "untold": False,
            "next_at": now, "created_at": now, "updated_at": now,
        }  # fmt: skip
        with self._store.write() as write:
            insert = insert_new(write)(handovers).values(**fresh)
            write.execute(insert.on_conflict_do_nothing(index_elements=["case_id", "system"]))

    def work(self) -> int:
        """Sends, asks and tells what is due; returns how many rows were handled."""
        return self.send_due() + self.poll_due() + self.tell_due()

    def resend(self, handover_id: int, actor: str) -> None:
        """Puts a row that waits or has ended up again, now, with the same key. Raises Refused, NotFound.

        Who resends an unclear one has looked for it: it is sent without asking the other side again.
        """
        with self._store.write() as write:
            row = self._need(write, handovers.c.id == handover_id)
            if row["state"] not in RESENDABLE:
                raise Refused("not_resendable")
            unclear = row["unclear"] and row["state"] != "unclear"
            self._set(write, handover_id, state="waiting", attempts=0, unclear=unclear, next_at=self._clock())
            number = write.execute(sa.select(cases.c.number).where(cases.c.id == row["case_id"])).scalar_one()
            audit.note(write, self._clock(), actor, "resend", number, row["state"])

    def pushed(self, push: Pushed) -> None:
        """Takes a status that they sent; one older than what is known is passed over. Raises NotFound."""
        if not (push.key or push.their_id):
            raise NotFound("handover")
        found = handovers.c.idempotency_key == push.key if push.key else handovers.c.their_id == push.their_id
        if self._system is not None:
            found = sa.and_(found, handovers.c.system == self._system.name)
        with self._store.write() as write:
            row = self._need(write, found)
            if row["status_at"] is not None and push.at < audit.utc(row["status_at"]):
                return
            heard = Status(push.their_id or row["their_id"], push.status, push.note)
            self._hear(write, row, heard, min(push.at, self._clock()))

    def listed(self, state: str | None = None, page: int = 1) -> list[Handover]:
        """Newest change first, 50 a page."""
        query = _WITH_NUMBER.where(handovers.c.state == state) if state else _WITH_NUMBER
        query = query.order_by(handovers.c.updated_at.desc(), handovers.c.id.desc()).limit(PAGE)
        with self._store.read() as read:
            return [_handover(row) for row in read.execute(query.offset((page - 1) * PAGE)).mappings()]

    def of_case(self, case_id: int) -> list[Handover]:
        """The ways of one case."""
        with self._store.read() as read:
            return [_handover(row) for row in read.execute(_WITH_NUMBER.where(cases.c.id == case_id)).mappings()]

    def counts(self) -> dict[str, int]:
        """How many rows are in each state that has any."""
        query = sa.select(handovers.c.state, sa.func.count()).group_by(handovers.c.state)
        with self._store.read() as read:
            return {state: int(number) for state, number in read.execute(query)}

    # --- sending -------------------------------------------------------------------------------------------------

    def send_due(self, limit: int = BATCH) -> int:
        """Tries the rows that are due, oldest first; returns how many."""
        done = 0
        while done < limit and (row := self._claim()) is not None:
            self._attempt(row)
            done += 1
        return done

    def _due(self, *states: str) -> Any:
        system = self._system.name if self._system else None
        due = sa.select(handovers).where(
            handovers.c.system == system, handovers.c.state.in_(states), handovers.c.next_at <= self._clock()
        )
        return due.order_by(handovers.c.next_at, handovers.c.id)

    def _take(self, due: Any, write: Connection) -> list[Mapping[str, Any]]:
        return list(write.execute(self._store.lock_row(due, skip_locked=True)).mappings())

    def _any(self, due: Any) -> bool:
        """A look without the write lock, as there is nothing to do most of the time."""
        with self._store.read() as read:
            return read.execute(due.limit(1)).first() is not None

    def _claim(self) -> dict[str, Any] | None:
        """One row, marked as being sent under a lease; a mark whose lease ran out means that its answer was lost."""
        due = self._due("waiting", "sending").limit(1)
        if not self._any(due):
            return None
        with self._store.write() as write:
            for row in self._take(due, write):
                taken = {
                    "state": "sending", "attempts": row["attempts"] + 1, "next_at": self._clock() + LEASE,
                    "unclear": row["unclear"] or row["state"] == "sending",
                }  # fmt: skip
                self._set(write, row["id"], **taken)
                return {**row, **taken}
        return None

    def _attempt(self, row: dict[str, Any]) -> None:
        """One try; whatever comes of it is in the row when it ends. No transaction is open meanwhile."""
        try:
            case = self._desk.case(row["case_id"])
            erased = case.conversation_id.startswith(f"{GONE}:")
            if erased or case.status == "withdrawn":
                self._end(row, "withdrawn", OutsideError(ERASED if erased else "withdrawn"))
                return
            receipt = self._once(row, self._handed(row, case, row["system"]))
        except Duplicate as there:
            self._delivered(row, Receipt(there.their_id, expects_id=there.their_id is None), there)
        except HeldBack as held:
            self._end(row, "staged", held)
        except CannotTell as unknown:
            self._end(row, "unclear", unknown)
        except Rejected as never:
            # an earlier attempt may have arrived all the same
            self._end(row, "unclear" if row["unclear"] else "failed", never)
        except Temporary as failed:
            self._again(row, failed)
        except sa.exc.SQLAlchemyError:
            raise
        except Exception as broken:
            log.exception("hand-over %s", row["id"])
            self._again(row, Temporary("broken", f"{type(broken).__name__}: {broken}", unclear=True))
        else:
            self._delivered(row, receipt)

    def _once(self, row: dict[str, Any], handed: Handed) -> Receipt:
        """Sends, after asking for it where an earlier answer was lost; then that is clear."""
        assert self._system is not None
        if row["unclear"] and not self._system.repeats_safely:
            try:
                there = self._system.find(handed)
            except Temporary as failed:
                raise Temporary(failed.code, failed.detail, unclear=True, after=failed.after) from failed
            if there is not None:
                return there
            row["unclear"] = False
        return self._system.send(handed)

    def _handed(self, row: Mapping[str, Any], case: Case, system: str) -> Handed:
        """What of the case leaves the house; that a contact goes along is in the audit log."""
        contact = None
        if "contact_agreed" in case.signals and case.contact and not case.contact_withheld:
            reason = f"handover:{system}"
            contact = self._desk.reveal(case.id, actor="system", role="unit", reason=reason).contact
        key, at = row["idempotency_key"], audit.utc(row["created_at"])
        return handed_of(case, self._desk.county, key, at, contact)

    def _delivered(self, row: Mapping[str, Any], receipt: Receipt, why: OutsideError | None = None) -> None:
        now = self._clock()
        their_id, token = _kept(receipt.their_id, 200), _kept(receipt.token, 200)
        waits = self._polls and their_id is None and (token is not None or receipt.expects_id)
        looks = waits or (self._polls and their_id is not None)
        self._settle(
            row, state="awaiting_id" if waits else "sent", unclear=False, sent_at=now, their_id=their_id, token=token,
            next_at=now + BACKOFF[0] if looks else None, misses=0, **_told(why),
        )  # fmt: skip

    def _end(self, row: Mapping[str, Any], state: str, why: OutsideError) -> None:
        self._settle(row, state=state, next_at=None, **_told(why))

    def _again(self, row: Mapping[str, Any], failed: Temporary) -> None:
        if row["attempts"] >= self._tries:
            self._settle(row, state="given_up", unclear=failed.unclear, next_at=None, **_told(failed))
            return
        wait = max(BACKOFF[min(row["attempts"], len(BACKOFF)) - 1], failed.after or BACKOFF[0])
        later = self._clock() + wait
        self._settle(row, state="waiting", unclear=failed.unclear, next_at=later, **_told(failed))

    def _settle(self, row: Mapping[str, Any], **values: Any) -> None:
        """Writes the outcome, unless somebody else has taken the row since."""
        with self._store.write() as write:
            mine = handovers.c.id == row["id"], handovers.c.state == "sending", handovers.c.attempts == row["attempts"]
            write.execute(handovers.update().where(*mine).values(updated_at=self._clock(), **values))

    # --- following -----------------------------------------------------------------------------------------------

    @property
    def _polls(self) -> bool:
        return self._system is not None and self._system.polls

    def poll_due(self, limit: int = 200) -> int:
        """Asks how the delivered ones stand; returns how many were asked for."""
        due = self._due(*DELIVERED).limit(limit)
        if not self._polls or not self._any(due):
            return 0
        with self._store.write() as write:
            rows = self._take(due, write)
            now, taken = self._clock(), handovers.c.id.in_([row["id"] for row in rows])
            write.execute(handovers.update().where(taken).values(updated_at=now, next_at=now + LEASE))
        with_id = [row for row in rows if row["their_id"]]
        if with_id:
            self._look(with_id)
        for row in (row for row in rows if not row["their_id"]):
            self._look([row])
        return len(rows)

    def _look(self, rows: list[Mapping[str, Any]]) -> None:
        assert self._system is not None
        try:
            first = rows[0]
            if first["their_id"] or first["token"]:
                found = self._system.look([Known(row["id"], row["their_id"], row["token"]) for row in rows])
            else:
                there = self._system.find(self._handed({**first}, self._bare(first), first["system"]))
                their_id = there.their_id if there else None
                found = {first["id"]: Status(their_id, None, None)} if their_id else {}
        except Rejected as refused:
            # one of many may be what they object to
            for row in rows if len(rows) > 1 else ():
                self._look([row])
            if len(rows) == 1:
                self._write_down(rows, {}, refused)
        except OutsideError as failed:
            self._write_down(rows, {}, failed)
        else:
            self._write_down(rows, found)

    def _write_down(
        self, rows: list[Mapping[str, Any]], found: Mapping[int, Status], failed: OutsideError | None = None
    ) -> None:
        """What a look found out of each row, or why it found nothing."""
        with self._store.write() as write:
            for row in rows:
                if (status := found.get(row["id"])) is not None:
                    self._hear(write, self._need(write, handovers.c.id == row["id"]), status, self._clock())
                else:
                    self._missed(write, row, failed or OutsideError("not_found" if row["their_id"] else "no_id"))

    def _bare(self, row: Mapping[str, Any]) -> Case:
        """The case without a contact: nothing is handed over while looking."""
        return replace(self._desk.case(row["case_id"]), contact=None)

    def _hear(self, write: Connection, row: Mapping[str, Any], heard: Status, at: datetime) -> None:
        """Takes in an id and a status; a change is marked as untold in the same transaction."""
        code, note = _kept(heard.status, 80), _kept(heard.note, 4000)
        changed = code is not None and (row["their_status"], row["their_note"]) != (code, note)
        status = {"their_status": code, "their_note": note, "untold": True} if changed else {}
        over = not self._polls or (code or row["their_status"]) in CLOSED
        settled = {"error_code": None, "last_error": None} if row["error_code"] != "duplicate" else {}
        self._set(
            write, row["id"], state="sent", their_id=_kept(heard.their_id, 200), status_at=at, misses=0,
            sent_at=row["sent_at"] or self._clock(), unclear=False,
            next_at=None if over else self._clock() + POLL_EVERY, **status, **settled,
        )  # fmt: skip

    def _missed(self, write: Connection, row: Mapping[str, Any], why: OutsideError) -> None:
        """Nothing was found out: the reason is kept, and the next look comes later; for an id not for ever."""
        now = self._clock()
        wait = BACKOFF[min(row["misses"], len(BACKOFF) - 1)] if row["misses"] < PATIENCE else SELDOM
        values: dict[str, Any] = {"next_at": now + wait, "misses": row["misses"] + 1}
        if row["error_code"] != "duplicate":
            values |= _told(why)
        if row["state"] == "awaiting_id" and now - audit.utc(row["sent_at"]) > AWAIT:
            values |= {"state": "sent", "next_at": None}
        held = handovers.c.id == row["id"], handovers.c.state == row["state"]
        write.execute(handovers.update().where(*held).values(updated_at=now, **values))

    def tell_due(self, limit: int = BATCH) -> int:
        """Tells the desk what changed there; a change that it can't take in is told again after five minutes."""
        if self._moved is None:
            return 0
        now = self._clock()
        deaf = [row for row, until in self._deaf.items() if until > now]
        query = sa.select(handovers).where(handovers.c.untold.is_(True), handovers.c.id.not_in(deaf))
        with self._store.read() as read:
            rows = read.execute(query.order_by(handovers.c.status_at).limit(limit)).mappings().all()
        for row in rows:
            try:
                self._moved(row["case_id"], row["their_status"], row["their_note"])
            except Exception:
                log.exception("hand-over %s: the desk could not take their status in", row["id"])
                self._deaf[row["id"]] = now + BACKOFF[0]
            else:
                self._deaf.pop(row["id"], None)
                self._mark_told(row)
        return len(rows)

    def _mark_told(self, row: Mapping[str, Any]) -> None:
        """Unless they moved on meanwhile."""
        same = (handovers.c[name].is_not_distinct_from(row[name]) for name in ("their_status", "their_note"))
        with self._store.write() as write:
            write.execute(handovers.update().where(handovers.c.id == row["id"], *same).values(untold=False))

    # --- inside --------------------------------------------------------------------------------------------------

    def _set(self, write: Connection, handover_id: int, **values: Any) -> None:
        write.execute(
            handovers.update().where(handovers.c.id == handover_id).values(updated_at=self._clock(), **values)
        )

    def _need(self, write: Connection, found: Any) -> Mapping[str, Any]:
        query = self._store.lock_row(sa.select(handovers).where(found).order_by(handovers.c.id).limit(1))
        row: Mapping[str, Any] | None = write.execute(query).mappings().first()
        if row is None:
            raise NotFound("handover")
        return row


def forget(write: Connection, case_id: int, is_open: bool, now: datetime) -> int:
    """Takes a resident out of what is known of a case outside; returns from how many rows.

    What has not gone will not go, and where a case has ended nobody asks for it any more. What leads to it outside
    stays, so that it can be erased there.
    """
    rows = write.execute(sa.select(handovers).where(handovers.c.case_id == case_id)).mappings().all()
    for row in rows:
        change: dict[str, Any] = {n: audit.MARK for n in ("their_note", "last_error") if row[n]}
        if row["state"] in ("waiting", "sending"):
            maybe = row["unclear"] or row["state"] == "sending"
            change |= {"state": "unclear" if maybe else "withdrawn", "error_code": ERASED, "next_at": None}
        elif not is_open:
            change |= {"next_at": None, "untold": False}
        write.execute(handovers.update().where(handovers.c.id == row["id"]).values(updated_at=now, **change))
    return len(rows)


def went_out(read: Connection, case_ids: Collection[int]) -> list[Handover]:
    """The ways on which these cases left the house, or may have: they have to be erased there, too."""
    c = handovers.c
    left = sa.or_(c.unclear.is_(True), c.state.in_((*DELIVERED, "sending", "unclear")))
    query = _WITH_NUMBER.where(c.case_id.in_(case_ids), left).order_by(c.id)
    return [_handover(row) for row in read.execute(query).mappings()]


_WITH_NUMBER = sa.select(handovers, cases.c.number).join(cases, cases.c.id == handovers.c.case_id)


def _kept(said: str | None, longest: int) -> str | None:
    """Their words as any database takes them."""
    return said.replace("\x00", "")[:longest] or None if said else None


def _told(why: OutsideError | None) -> dict[str, str | None]:
    return {"error_code": why.code if why else None, "last_error": _kept(why.detail, 400) if why else None}


def _handover(row: Mapping[str, Any]) -> Handover:
    return Handover(**{f.name: row[f.name] for f in fields(Handover)})
