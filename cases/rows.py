"""Turns rows of the store into what the case system speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from cases.audit import utc
from cases.case import Case, Conversation, Event, Message
from cases.lifecycle import STEPS

_TIMES = tuple(f.name for f in fields(Case) if f.name.endswith("_at"))


def _at(value: datetime | None) -> datetime | None:
    return utc(value) if value is not None else None


def case_of(row: Mapping[str, Any]) -> Case:
    """A case; the sealed contact stays behind."""
    values = {f.name: row[f.name] for f in fields(Case) if f.name in row}
    for name in ("words", "signals", "citations"):
        values[name] = tuple(row[name] or ())
    for name in _TIMES:
        values[name] = _at(row[name])
    return Case(**{**values, "step": STEPS[row["status"]], "contact": row["contact_masked"]})


def message_of(row: Mapping[str, Any]) -> Message:
    """A message of a transcript."""
    values = {f.name: row[f.name] for f in fields(Message)}
    for name in ("buttons", "sources", "attachments"):
        values[name] = tuple(row[name] or ())
    return Message(**{**values, "created_at": _at(row["created_at"])})


def conversation_of(row: Mapping[str, Any]) -> Conversation:
    """A conversation and who holds it."""
    values = {f.name: row[f.name] for f in fields(Conversation)}
    return Conversation(**{**values, "created_at": _at(row["created_at"]), "waiting_since": _at(row["waiting_since"])})


def event_of(row: Mapping[str, Any]) -> Event:
    """One line of a timeline."""
    values = {f.name: row[f.name] for f in fields(Event)}
    return Event(**{**values, "at": _at(row["at"])})
