"""A log of who saw and did what, each entry chained to the one before, so that a changed or missing one shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.case import AuditEntry
from cases.redact import redact
from cases.store import audit

FIRST = "0" * 64


def note(write: Connection, at: datetime, actor: str, action: str, about: str, reason: str | None = None) -> None:
    """Adds one entry inside the transaction of what it tells of; names and numbers in the reason are hidden."""
    reason = redact(reason) if reason else reason
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
    return [_entry(row) for row in rows]


def about(read: Connection, thing: str, actions: Sequence[str]) -> list[AuditEntry]:
    """The entries of these actions on one object, oldest first."""
    query = sa.select(audit).where(audit.c.object == thing, audit.c.action.in_(actions)).order_by(audit.c.id)
    return [_entry(row) for row in read.execute(query).mappings()]


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(row["id"], utc(row["at"]), row["actor"], row["action"], row["object"], row["reason"])


def utc(at: datetime) -> datetime:
    """A time from the database, which on SQLite has lost its zone."""
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def _hash(previous: str, entry: dict[str, object]) -> str:
    at = entry["at"]
    assert isinstance(at, datetime)
    told = json.dumps({**entry, "at": utc(at).isoformat()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256((previous + told).encode()).hexdigest()
