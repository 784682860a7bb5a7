"""Keeps what the bot must remember of a conversation: one bounded row each, written before the resident is answered."""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, SlotSet, UserUttered, deserialise_events
from rasa.shared.core.trackers import DialogueStateTracker

from cases.shield import Shield

#: so many events may pile up in memory before only the last turn is kept there, too
EVENTS_MOST = 120
CACHED = 2000

metadata = sa.MetaData()
dialogues = sa.Table(
    "dialogues",
    metadata,
    sa.Column("sender_id", sa.String(200), primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("saved_at", sa.Float, nullable=False),
)
#: the statements of every turn, built once
_HERE = dialogues.c.sender_id == sa.bindparam("sender")
STATE = sa.select(dialogues.c.state).where(_HERE)
NEW = dialogues.insert()
AGAIN = dialogues.update().where(_HERE).values(state=sa.bindparam("new_state"), saved_at=sa.bindparam("now"))


class DialogueStore(TrackerStore):
    """Slots and the last turn of each conversation; the verbatim transcript is in the case system.

    Rasa's own stores keep every event for ever and replay them all each turn; here a turn costs the same after a
    year. It is used bare, never inside Rasa's FailSafeTrackerStore: a failure to save must reach the resident as a
    refusal. Raises `sqlalchemy.exc.SQLAlchemyError` when the database refuses. A row is sealed as a whole: it holds the
    resident's own words, and nobody but the bot has to read it.
    """

    def __init__(
        self,
        domain: Domain | None,
        host: str | None = None,
        event_broker: EventBroker | None = None,
        shield: Shield | None = None,
        **kwargs: Any,
    ) -> None:
        """`host`: an SQLAlchemy URL; `${NAME}` is filled from the environment by Rasa's endpoint reader.

        `shield` seals each row (this installation's own by default).
        """
        super().__init__(domain, event_broker)
        url = host or f"sqlite:///{Path(os.environ.get('MINHU_VAR', 'var')) / 'dialogue.db'}"
        # without a pool, SQLite would be opened, and its log emptied, at every turn
        self._engine = sa.create_engine(url, future=True, poolclass=sa.pool.QueuePool)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _settle_sqlite)
        metadata.create_all(self._engine)
        self._cache: OrderedDict[str, DialogueStateTracker] = OrderedDict()
        self._shield = shield or Shield.of_this_installation()

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Writes the working memory of one conversation; it is durable when this returns."""
        state = self._shield.seal(json.dumps(_state(tracker), ensure_ascii=False))
        sender, now = tracker.sender_id, time.time()
        with self._engine.begin() as connection:
            done = connection.execute(AGAIN, {"sender": sender, "new_state": state, "now": now})
            if done.rowcount == 0:
                connection.execute(NEW, {"sender_id": sender, "state": state, "saved_at": now})
        self._remember(tracker)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation as it was saved, or None."""
        kept = self._cache.get(sender_id)
        if kept is not None:
            return kept
        with self._engine.connect() as connection:
            state = connection.execute(STATE, {"sender": sender_id}).scalar_one_or_none()
        if state is None:
            return None
        tracker = self._restore(sender_id, self._opened(state))
        self._cache[sender_id] = tracker
        return tracker

    async def keys(self) -> Iterable[str]:
        """All conversation ids."""
        with self._engine.connect() as connection:
            return list(connection.execute(sa.select(dialogues.c.sender_id)).scalars())

    def forget(self, sender_id: str) -> None:
        """Drops the copy in memory, so that the next turn starts from what was saved."""
        self._cache.pop(sender_id, None)

    def _opened(self, state: str) -> dict[str, Any]:
        """A row from before dialogues were sealed is JSON as it stands."""
        opened: dict[str, Any] = json.loads(state if state.startswith("{") else self._shield.open(state) or "{}")
        return opened

    def _restore(self, sender_id: str, state: dict[str, Any]) -> DialogueStateTracker:
        tracker = self.init_tracker(sender_id)
        for event in deserialise_events(state["events"]):
            tracker.update(event, self.domain)  # the start of a session, if it is among them, empties the slots
        for name, value in state["slots"].items():
            if name in tracker.slots:
                tracker.update(SlotSet(name, value), self.domain)
        return tracker

    def _remember(self, tracker: DialogueStateTracker) -> None:
        if len(tracker.events) > EVENTS_MOST:
            tracker = self._restore(tracker.sender_id, _state(tracker))
        self._cache[tracker.sender_id] = tracker
        self._cache.move_to_end(tracker.sender_id)
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)


def _state(tracker: DialogueStateTracker) -> dict[str, Any]:
    slots = {name: slot.value for name, slot in tracker.slots.items() if slot.value != slot.initial_value}
    return {"slots": slots, "events": [e.as_dict() for e in _recent(list(tracker.events))]}


def _recent(events: list[Event]) -> list[Event]:
    """The last turn, opened with action_listen, without slot events: their outcome is in the slots."""
    start = max((i for i, e in enumerate(events) if isinstance(e, UserUttered)), default=0)
    kept = [e for e in events[start:] if not isinstance(e, SlotSet)]
    return kept if start == 0 else [ActionExecuted("action_listen"), *kept]


def _settle_sqlite(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
