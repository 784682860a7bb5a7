"""Works through what is stored: seals what still lies in the clear, reseals under a new key, counts rows by key."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.engine import Connection

from cases import audit
from cases.redact import PUBLIC, STAFF, UNIT, redact, redact_all
from cases.shield import Shield, read_keys, write_keys
from cases.store import Store, cases, counters, events, messages

BATCH = 200
#: a column whose name ends so is sealed, in whatever table; what the bot remembers of a dialogue is sealed as a whole
SUFFIX, DIALOGUES = "sealed", ("dialogues", "state")
#: by then a process that read the old keys has committed what it sealed with them
SETTLED = 5.0
#: begins the name of a counter: up to which id a table may hold rows from before there was a shield
CLEAR = "clear:"


Told = Callable[[str], None]


def silent(line: str) -> None:
    """Hears how far something is and says nothing."""


@dataclass(frozen=True)
class Sealed:
    """One table with sealed columns, as the database has it."""

    store: Store
    table: str
    key: str
    columns: tuple[str, ...]

    def rows(self) -> Any:
        """The key and the sealed columns, for statements."""
        return sa.table(self.table, sa.column(self.key), *(sa.column(name) for name in self.columns))

    def batches(self, to_write: bool, told: Told = silent) -> Iterator[tuple[Connection, list[Any]]]:
        """Rows that hold something sealed, in order of the key; each batch inside one transaction."""
        rows, last = self.rows(), None
        key = rows.c[self.key]
        holds = sa.or_(*(rows.c[name].is_not(None) for name in self.columns))
        while True:
            query = sa.select(rows).where(holds).order_by(key).limit(BATCH)
            query = query if last is None else query.where(key > last)
            with self.store.write() if to_write else self.store.read() as connection:
                found = connection.execute(self.store.lock_row(query) if to_write else query).mappings().all()
                if not found:
                    return
                yield connection, found
            last = found[-1][self.key]
            told(f"{self.table} up to {last}")


def sealed_in(store: Store) -> list[Sealed]:
    """Every table of the database with sealed columns, whoever's it is."""
    inspect = sa.inspect(store.engine)
    found = []
    for table in sorted(inspect.get_table_names()):
        names = [column["name"] for column in inspect.get_columns(table)]
        columns = tuple(n for n in names if n.endswith(SUFFIX) or (table, n) == DIALOGUES)
        key = inspect.get_pk_constraint(table)["constrained_columns"]
        if columns:
            found.append(Sealed(store, table, key[0], columns))
    return found


def count(stores: Sequence[Store], shield: Shield) -> dict[str, Counter[int | None]]:
    """How many texts each key sealed, by table.column: 0 the newest key, None one that is not here, -1 in the clear."""
    told: dict[str, Counter[int | None]] = {}
    for sealed in (one for store in stores for one in sealed_in(store)):
        for name in sealed.columns:
            told[f"{sealed.table}.{name}"] = Counter()
        for _, rows in sealed.batches(to_write=False):
            for row in rows:
                for name in (n for n in sealed.columns if row[n]):
                    number = -1 if _in_clear(row[name]) else shield.key_of(row[name])
                    told[f"{sealed.table}.{name}"][number] += 1
    return told


def reseal(stores: Sequence[Store], shield: Shield, told: Told = silent) -> int:
    """Seals everything under the newest key; returns how many rows were not. What no key opens stays as it is.

    May be ended at any moment and begun again: each batch is one transaction, after which `told` hears how far it is.
    """
    done = 0
    for sealed in (one for store in stores for one in sealed_in(store)):
        rows = sealed.rows()
        for write, found in sealed.batches(to_write=True, told=told):
            for row in found:
                fresh = {name: again for name in sealed.columns if (again := _again(row[name], shield)) != row[name]}
                if fresh:
                    write.execute(rows.update().where(rows.c[sealed.key] == row[sealed.key]).values(**fresh))
                    done += 1
    return done


def rotate(
    stores: Sequence[Store],
    path: Path,
    at: Callable[[], datetime],
    told: Told = silent,
    settled: float = SETTLED,
) -> int:
    """A new key; everything under it; then the old ones go. Returns how many rows were resealed.

    A rotation that was killed is ended, not begun anew. Running processes follow the key file by themselves. The first
    of `stores` holds the audit log. Raises TimeoutError where another rotation runs.
    """
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=0):
        keys = read_keys(path)
        if len(keys) == 1:
            write_keys(path, [secrets.token_urlsafe(32), *keys])
        time.sleep(settled)
        shield, done = Shield.of_file(path), 0
        while moved := reseal(stores, shield, told):
            done += moved
        write_keys(path, read_keys(path)[:1])
        note_rotation(stores[0], at(), done)
    return done


def note_rotation(store: Store, at: datetime, rows: int) -> None:
    """The audit entry of a rotation."""
    with store.write() as write:
        audit.note(write, at, "system", "rotate_key", "keys", f"{rows} rows")


def seal_clear(store: Store, shield: Shield, batch: int = BATCH) -> int:
    """Seals what was stored before there was a shield; returns how many rows. May be ended and begun again.

    Afterwards SQLite is packed anew, so that nothing of it stays in pages that are free.
    """
    done = 0
    with store.read() as read:
        query = sa.select(counters.c.name).where(counters.c.name.in_([CLEAR + table for table in _CLEAR]))
        left = set(read.execute(query).scalars())
    for table in (name for name in _CLEAR if CLEAR + name in left):
        while (moved := _seal_batch(store, table, shield, batch)) is not None:
            done += moved
    if done and store.on_sqlite:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            raw = connection.connection.driver_connection
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return done


def _seal_batch(store: Store, table: str, shield: Shield, batch: int) -> int | None:
    """From the newest of the old rows down; how far it came is kept in the same transaction. None: nothing is left."""
    with store.write() as write:
        here = counters.c.name == CLEAR + table
        upto = write.execute(sa.select(counters.c.value).where(here)).scalar_one_or_none()
        if upto is None:
            return None
        rows = _tables()[table]
        query = sa.select(rows).where(rows.c.id <= upto).order_by(rows.c.id.desc()).limit(batch)
        found = write.execute(store.lock_row(query)).mappings().all()
        if not found:
            write.execute(counters.delete().where(here))
            return None
        done = 0
        for row in found:
            changed = {name: value for name, value in _CLEAR[table](row, shield).items() if value != row[name]}
            if changed:
                write.execute(rows.update().where(rows.c.id == row["id"]).values(**changed))
                done += 1
        write.execute(counters.update().where(here).values(value=found[-1]["id"] - 1))
        return done


def _tables() -> dict[str, Any]:
    questions = sa.table("knowledge_questions", sa.column("id"), sa.column("text"))
    return {"messages": messages, "cases": cases, "events": events, "knowledge_questions": questions}


def _message(row: Any, shield: Shield) -> dict[str, Any]:
    if row["text_sealed"]:
        return {}
    text, sealed = shield.keep(row["text"])
    return {"text": text, "text_sealed": sealed}


def _case(row: Any, shield: Shield) -> dict[str, Any]:
    if row["words_sealed"] or row["place_sealed"] or row["rating_words_sealed"]:
        return {}
    words = redact_all(row["words"])
    place, place_sealed = shield.keep(row["place_said"])
    rating, rating_sealed = shield.keep(row["rating_words"])
    aside = {name: redact(row[name]) for name in ("since_said", "wanted") if row[name]}
    return {
        "words": words, "words_sealed": shield.seal_all(row["words"], words), "place_said": place,
        "place_sealed": place_sealed, "rating_words": rating, "rating_words_sealed": rating_sealed, **aside,
    }  # fmt: skip


def _event(row: Any, shield: Shield) -> dict[str, Any]:
    if row["note_sealed"]:
        return {}
    note, sealed = shield.keep(row["note"], UNIT if row["role"] == "resident" else STAFF)
    detail = {
        name: [redact(one) if isinstance(one, str) else one for one in pair] if isinstance(pair, list) else pair
        for name, pair in row["detail"].items()
    }
    return {"note": note, "note_sealed": sealed, "detail": detail}


def _question(row: Any, shield: Shield) -> dict[str, Any]:
    return {"text": redact(row["text"], PUBLIC)}


#: what seals a row of these tables
_CLEAR = {"messages": _message, "cases": _case, "events": _event, "knowledge_questions": _question}


def _in_clear(stored: str) -> bool:
    """A dialogue from before it was sealed is JSON."""
    return stored.startswith("{")


def _again(stored: str | None, shield: Shield) -> str | None:
    if not stored:
        return stored
    if _in_clear(stored):
        return shield.seal(stored)
    try:
        return shield.reseal(stored)
    except PermissionError:
        return stored
