"""Delivers what waits in the outbox: at least once, in order, with a reason and a next try for every failure."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cases.case import Conversation, Message
from cases.conversations import now_utc
from cases.rows import conversation_of, message_of
from cases.shield import Shield
from cases.store import Store, conversations, messages, outbox

log = logging.getLogger("minhu.relay")

LEASE = timedelta(seconds=60)
BACKOFF = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30))
GIVE_UP_AFTER = 12
BATCH = 20
#: seconds
CHORES_EVERY = 20.0

#: spelt out, not bound, so that both databases see that the index of what has still to leave fits
UNSENT = "state in ('waiting', 'sending')"
sa.Index("ix_outbox_unsent", outbox.c.order_key, outbox.c.id, sqlite_where=sa.text(UNSENT),
         postgresql_where=sa.text(UNSENT))  # fmt: skip

Deliver = Callable[[Message, Conversation], Any]
HandOver = Callable[[dict[str, Any]], Any]


class Undeliverable(Exception):
    """It will never arrive (the resident blocked the hotline, say); trying again is of no use."""


@dataclass(frozen=True)
class Item:
    """One claimed row of the outbox."""

    id: int
    kind: str
    message_id: int | None
    case_id: int | None
    payload: dict[str, Any]
    attempts: int


class Relay:
    """Claims rows under a lease, so that several relays may run at once and a killed one loses nothing.

    Row states: waiting, sending (leased), sent, given_up. Rows of one `order_key` leave in the order they came in.
    """

    def __init__(
        self,
        store: Store,
        deliver: Deliver,
        hand_over: HandOver | None = None,
        clock: Callable[[], datetime] = now_utc,
        shield: Shield | None = None,
    ) -> None:
        """`deliver` sends a message to its resident; `hand_over` a case to another system (None: there is none).

        `shield` opens what is hidden in stored messages (this installation's own by default).
        """
        self._store, self._deliver, self._hand_over, self._clock = store, deliver, hand_over, clock
        self._shield = shield
        self._stop = threading.Event()

    def run(self, pause: float = 0.5, chores: Sequence[Callable[[], Any]] = ()) -> None:
        """Until SIGTERM or SIGINT. `chores` are seen to now and then: limits that have passed, say."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        next_chores = 0.0
        while not self._stop.is_set():
            try:
                worked = self.run_once()
            except sa.exc.SQLAlchemyError:
                log.exception("the store refused; trying again")
                worked = 0
            if time.monotonic() >= next_chores:
                next_chores = time.monotonic() + CHORES_EVERY
                for chore in chores:
                    self._do(chore)
            if not worked:
                self._stop.wait(pause)

    @staticmethod
    def _do(chore: Callable[[], Any]) -> None:
        try:
            chore()
        except Exception:
            log.exception("a chore failed; it is tried again")

    def run_once(self) -> int:
        """One batch; returns how many rows were handled."""
        items = self._claim()
        for item in items:
            self._handle(item)
        return len(items)

    def _claim(self) -> list[Item]:
        """Takes due rows that have no older unsent row of the same order key; a lease that ran out counts as due."""
        now, earlier = self._clock(), outbox.alias("earlier")
        before = sa.and_(earlier.c.order_key == outbox.c.order_key, earlier.c.id < outbox.c.id)
        blocked = sa.select(earlier.c.id).where(before, sa.literal_column(f"earlier.{UNSENT}")).exists()
        due = sa.select(outbox).where(outbox.c.state.in_(("waiting", "sending")), outbox.c.next_at <= now, ~blocked)
        due = due.order_by(outbox.c.id).limit(BATCH)
        with self._store.read() as read:
            if read.execute(due.limit(1)).first() is None:
                return []
        with self._store.write() as write:
            rows = write.execute(self._store.lock_row(due, skip_locked=True)).mappings().all()
            for row in rows:
                write.execute(
                    outbox.update().where(outbox.c.id == row["id"]).values(state="sending", next_at=now + LEASE)
                )
        return [Item(r["id"], r["kind"], r["message_id"], r["case_id"], r["payload"], r["attempts"]) for r in rows]

    def _handle(self, item: Item) -> None:
        """No transaction is open while something goes over the network."""
        try:
            pulled = self._send(item)
        except Undeliverable as never:
            self._end(item, "given_up", str(never))
        except Exception as failed:
            log.warning("outbox %s: %s", item.id, failed)
            self._again(item, f"{type(failed).__name__}: {failed}")
        else:
            self._end(item, "sent", None, mark=not pulled)

    def _send(self, item: Item) -> bool:
        """Returns whether the resident's page will fetch it by itself (then it marks the message as sent)."""
        if item.kind == "handover":
            if self._hand_over is not None:
                self._hand_over({"id": item.id, "case_id": item.case_id, **item.payload})
            return False
        with self._store.read() as read:
            row = read.execute(sa.select(messages).where(messages.c.id == item.message_id)).mappings().one()
            held = sa.select(conversations).where(conversations.c.id == row["conversation_id"])
            conversation = conversation_of(read.execute(held).mappings().one())
        if row["text_sealed"] and self._shield is None:
            self._shield = Shield.of_this_installation()
        message = message_of(row, self._shield)
        if message.delivery == "sent":
            return True
        return self._deliver(message, conversation) == "pull"

    def _end(self, item: Item, state: str, error: str | None, mark: bool = True) -> None:
        with self._store.write() as write:
            write.execute(
                outbox.update().where(outbox.c.id == item.id).values(
                    state=state, last_error=error, attempts=item.attempts + 1
                )
            )  # fmt: skip
            if item.message_id is not None and mark:
                delivery = "sent" if state == "sent" else "failed"
                done = messages.update().where(messages.c.id == item.message_id)
                write.execute(done.values(delivery=delivery, error=error))

    def _again(self, item: Item, error: str) -> None:
        attempts = item.attempts + 1
        if attempts >= GIVE_UP_AFTER:
            self._end(item, "given_up", error)
            return
        wait = BACKOFF[min(attempts - 1, len(BACKOFF) - 1)]
        with self._store.write() as write:
            write.execute(
                outbox.update().where(outbox.c.id == item.id).values(
                    state="waiting", attempts=attempts, last_error=error, next_at=self._clock() + wait
                )
            )  # fmt: skip
