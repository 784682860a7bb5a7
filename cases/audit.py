"""A log of who saw and did what, each entry chained to the one before, so that a changed or missing one shows."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.case import AuditEntry
from cases.store import audit

FIRST = "0" * 64


def note(write: Connection, at: datetime, actor: str, action: str, about: str, reason: str | None = None) -> None:
    """Adds one entry inside the transaction of what it tells of."""
    if write.dialect.name == "postgresql":
        write.execute(sa.text("select pg_advisory_xact_lock(7206)"))
    previous = write.execute(sa.select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)).scalar_one_or_none() or FIRST
    entry = {"at": at, "actor": actor, "action": action, "object": about, "reason": reason}
    write.execute(audit.insert().values(**entry, previous=previous, hash=_hash(previous, entry)))


def verify(read: Connection) -> bool:
    """Whether no entry was changed, removed or put between."""
    previous = FIRST
    for row in read.execute(sa.select(audit).order_by(audit.c.id)).mappings():
        entry = {name: row[name] for name in ("at", "actor", "action", "object", "reason")}
        if row["previous"] != previous or row["hash"] != _hash(previous, entry):
            return False
        previous = row["hash"]
    return True


def latest(read: Connection, limit: int) -> list[AuditEntry]:
    """The newest entries first."""
    rows = read.execute(sa.select(audit).order_by(audit.c.id.desc()).limit(limit)).mappings()
    return [AuditEntry(r["id"], utc(r["at"]), r["actor"], r["action"], r["object"], r["reason"]) for r in rows]


def utc(at: datetime) -> datetime:
    """A time from the database, which on SQLite has lost its zone."""
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def _hash(previous: str, entry: dict[str, object]) -> str:
    at = entry["at"]
    assert isinstance(at, datetime)
    told = json.dumps({**entry, "at": utc(at).isoformat()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256((previous + told).encode()).hexdigest()
