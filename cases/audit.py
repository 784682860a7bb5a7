"""A log of who saw and did what, each entry chained to the one before, so that a changed or missing one shows."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.case import AuditEntry
from cases.lifecycle import ROLES
from cases.redact import redact
from cases.store import audit

FIRST = "0" * 64
#: stands where a person's words were
MARK = "██"
TOLD = ("at", "actor", "action", "object", "reason")
AT_A_TIME = 1000


@dataclass(frozen=True)
class Broken:
    """The first entry that is not as it was written, or before which one is missing."""

    id: int
    at: datetime


@dataclass(frozen=True)
class Chain:
    """What a look at the whole log found. `withheld`: entries whose person was erased. `head`: hash of the newest.

    `anchored`: whether the hash that was asked for is among them; None when none was asked for.
    """

    entries: int
    withheld: int
    head: str
    broken: Broken | None
    anchored: bool | None = None


class Tampered(Exception):
    """An entry is not as it was written, so nothing may be withheld from it: that would hide who changed it."""

    def __init__(self, entry_id: int) -> None:
        """`entry_id`: which."""
        super().__init__(f"audit entry {entry_id} was changed")
        self.entry_id = entry_id


def note(
    write: Connection, at: datetime, actor: str, action: str, about: str, reason: str | None = None,
    withheld: str | None = None,
) -> int:  # fmt: skip
    """Adds one entry inside the transaction of what it tells of; returns its id. `withheld` is `withhold`'s.

    Names and numbers in the reason are hidden.
    """
    reason = redact(reason) if reason else reason
    if write.dialect.name == "postgresql":
        write.execute(sa.text("select pg_advisory_xact_lock(7206)"))
    previous = head(write)
    entry = {"at": at, "actor": actor, "action": action, "object": about, "reason": reason,
             "salt": secrets.token_hex(16), "withheld": withheld}  # fmt: skip
    made = write.execute(audit.insert().values(**entry, previous=previous, hash=_hash(previous, entry)))
    return int(made.inserted_primary_key[0])


def head(read: Connection) -> str:
    """Hash of the newest entry. Kept elsewhere, it shows later that none was cut off the end."""
    return read.execute(sa.select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)).scalar_one_or_none() or FIRST


def withhold(
    write: Connection, at: datetime, actor: str, action: str, about: str, reason: str, *, entries: Any,
    names: Mapping[str, str],
) -> int:  # fmt: skip
    """Takes a person out of the log without breaking it; returns from how many entries.

    `entries` is the condition that finds them; `names` maps ids of persons to pseudonyms. Their names and the words of
    their reasons go, and with them the salt, without which nobody can try out whose hash it was. One new entry, about
    `about`, seals what is left of them: when, who looked, what they did. Raises Tampered.
    """
    own = sa.and_(audit.c.withheld_by.is_(None), audit.c.withheld.is_(None))
    left = []
    for row in write.execute(sa.select(audit).where(entries, own).order_by(audit.c.id)).mappings():
        if row["hash"] != _hash(row["previous"], row):
            raise Tampered(row["id"])
        left.append({**row, **_without(row, names)})
    seal = hashlib.sha256()
    for row in left:
        seal.update(_remains(row))
    by = note(write, at, actor, action, about, reason, withheld=seal.hexdigest())
    for row in left:
        change = {name: row[name] for name in ("actor", "object", "reason")}
        write.execute(audit.update().where(audit.c.id == row["id"]).values(**change, salt=None, withheld_by=by))
    return len(left)


def check(read: Connection, anchor: str | None = None, newest: int | None = None) -> Chain:
    """Looks at the log, or only its newest so many entries, up to the first broken one, in constant memory.

    `anchor`: a hash that `head` gave once; it must be found.
    """
    previous, entries, withheld, found = FIRST, 0, 0, anchor == FIRST
    after = 0
    if newest is not None:
        ids = sa.select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).offset(newest).limit(1)
        if before := read.execute(ids).first():
            after, previous = before
    by = audit.alias()
    sealing = sa.and_(by.c.id == audit.c.withheld_by, by.c.withheld.is_not(None))
    query = sa.select(audit, by.c.id.label("sealed_by")).join(by, sealing, isouter=True)
    query = query.where(audit.c.id > after).order_by(audit.c.id)
    for row in read.execute(query.execution_options(yield_per=AT_A_TIME)).mappings():
        if row["previous"] != previous or not _holds(read, row):
            return Chain(entries, withheld, previous, Broken(row["id"], utc(row["at"])), _told(anchor, found))
        previous, entries, withheld = row["hash"], entries + 1, withheld + (row["withheld_by"] is not None)
        found = found or previous == anchor
    return Chain(entries, withheld, previous, None, _told(anchor, found))


def first_broken(read: Connection) -> Broken | None:
    """The first entry that was changed, put between, or follows one that was removed."""
    return check(read).broken


def verify(read: Connection) -> bool:
    """Whether no entry was changed, removed or put between."""
    return first_broken(read) is None


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


def _told(anchor: str | None, found: bool) -> bool | None:
    return None if anchor is None else found


def _without(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A role is no word about a person."""
    reason = row["reason"] if row["reason"] is None or row["reason"] in ROLES else MARK
    return {
        "actor": names.get(row["actor"], row["actor"]),
        "object": names.get(row["object"], row["object"]),
        "reason": reason,
    }


def _holds(read: Connection, row: Mapping[str, Any]) -> bool:
    """Whether one entry is as it was written, or as the entry that withheld something from it left it."""
    if row["withheld_by"] is not None:
        return row["sealed_by"] is not None and bool(row["sealed_by"] > row["id"])
    if row["hash"] != _hash(row["previous"], row):
        return False
    return row["withheld"] is None or row["withheld"] == _seal_over(read, row["id"])


def _seal_over(read: Connection, by: int) -> str:
    seal = hashlib.sha256()
    query = sa.select(audit).where(audit.c.withheld_by == by).order_by(audit.c.id)
    for row in read.execute(query.execution_options(yield_per=AT_A_TIME)).mappings():
        seal.update(_remains(row))
    return seal.hexdigest()


def _remains(row: Mapping[str, Any]) -> bytes:
    told = {name: row[name] for name in ("id", *TOLD, "previous", "hash")}
    return json.dumps({**told, "at": utc(row["at"]).isoformat()}, sort_keys=True, ensure_ascii=False).encode()


def _hash(previous: str, entry: Mapping[str, Any]) -> str:
    """Entries from before there were salts are hashed without."""
    told = {name: entry[name] for name in TOLD}
    told |= {name: entry[name] for name in ("salt", "withheld") if entry[name] is not None}
    said = json.dumps({**told, "at": utc(told["at"]).isoformat()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256((previous + said).encode()).hexdigest()
