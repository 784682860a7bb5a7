"""The bot's own memory of a resident as seen from outside the bot: looked at or erased without starting it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from cases.shield import Shield

#: as nlu/dialogue_store.py keeps it; a test holds the two together
dialogues = sa.table("dialogues", sa.column("sender_id", sa.String), sa.column("state", sa.Text))


class Dialogues:
    """One database of dialogues. Raises `sqlalchemy.exc.SQLAlchemyError` when it refuses."""

    def __init__(self, url: str, shield: Shield) -> None:
        """`url`: an SQLAlchemy URL; `shield` opens rows. No database is opened, or made, before the first look."""
        self._url, self._shield = url, shield
        self._made: Engine | None = None

    def read(self, conversation_id: str) -> dict[str, Any] | None:
        """What the bot remembers (slots and the events of the last turn), or None. Raises PermissionError."""
        state = self._state(conversation_id)
        if state is None:
            return None
        told: dict[str, Any] = json.loads(state if state.startswith("{") else self._shield.open(state) or "{}")
        return told

    def holds(self, conversation_id: str) -> bool:
        """Whether it remembers anything, readable or not."""
        return self._state(conversation_id) is not None

    def _state(self, conversation_id: str) -> str | None:
        engine = self._engine()
        if engine is None:
            return None
        here = dialogues.c.sender_id == conversation_id
        with engine.connect() as connection:
            state: str | None = connection.execute(sa.select(dialogues.c.state).where(here)).scalar_one_or_none()
        return state

    def erase(self, conversation_id: str) -> int:
        """Returns how many rows went: one or none."""
        engine = self._engine()
        if engine is None:
            return 0
        with engine.begin() as connection:
            gone = connection.execute(dialogues.delete().where(dialogues.c.sender_id == conversation_id)).rowcount
        if gone and engine.dialect.name == "sqlite":
            with engine.connect() as connection:  # the log still holds the row as it was
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(gone)

    def _engine(self) -> Engine | None:
        """None where the bot never ran."""
        if self._made is None:
            engine = sa.create_engine(self._url, future=True)
            if engine.dialect.name == "sqlite":
                if not Path(engine.url.database or "").exists():
                    return None
                sa.event.listen(engine, "connect", _settle)
            if not sa.inspect(engine).has_table("dialogues"):
                return None
            self._made = engine
        return self._made


def _settle(connection: Any, _: Any) -> None:
    """What is erased is overwritten in the file, too."""
    for pragma in ("busy_timeout=15000", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
