"""Turns rows of the store into what the case system speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from cases.audit import utc
from cases.case import Case, Contact, Conversation, Event, Matter, Message
from cases.lifecycle import STEPS
from cases.redact import STAFF, mask, redact, redact_all
from cases.shield import Shield

_TIMES = tuple(f.name for f in fields(Case) if f.name.endswith("_at"))


def _at(value: datetime | None) -> datetime | None:
    return utc(value) if value is not None else None


def case_of(row: Mapping[str, Any]) -> Case:
    """A case; what is sealed stays behind."""
    values = {f.name: row[f.name] for f in fields(Case) if f.name in row}
    for name in ("words", "signals", "citations"):
        values[name] = tuple(row[name] or ())
    for name in _TIMES:
        values[name] = _at(row[name])
    hidden = bool(row["words_sealed"] or row["place_sealed"])
    return Case(**{**values, "step": STEPS[row["status"]], "contact": row["contact_masked"], "hidden": hidden})


def contact_of(row: Mapping[str, Any], shield: Shield) -> Contact:
    """What is sealed of a case, opened. Raises PermissionError when the key is another one."""
    words = shield.open_all(row["words"], row["words_sealed"])
    place = shield.open(row["place_sealed"]) or row["place_said"]
    return Contact(shield.open(row["contact_sealed"]), words, place)


def kept_matter(matter: Matter, shield: Shield) -> dict[str, Any]:
    """The columns of a new case that hold a resident's own words, and the originals sealed beside them."""
    aside = (matter.place_said or "", matter.since_said or "", matter.wanted or "")
    shown = redact_all((*matter.words, *aside))
    words, (place, since, wanted) = shown[: len(matter.words)], shown[len(matter.words) :]
    return {
        "words": words,
        "words_sealed": shield.seal_all(matter.words, words),
        "place_said": place or None,
        "place_sealed": shield.seal(matter.place_said) if place != aside[0] else None,
        "since_said": since or None,
        "wanted": wanted or None,
        "contact_sealed": shield.seal(matter.contact),
        "contact_masked": masked(matter.contact),
    }


def kept_words(row: Mapping[str, Any], more: str, shield: Shield) -> dict[str, Any]:
    """The columns of a case to which a resident adds words."""
    words, sealed = shield.keep_more(row["words"], row["words_sealed"], more)
    return {"words": words, "words_sealed": sealed}


def kept_place(place: Mapping[str, str | None], shield: Shield) -> dict[str, Any]:
    """The columns of a place that a resident adds to a case."""
    if not place.get("place_said"):
        return dict(place)
    said, sealed = shield.keep(place["place_said"])
    return {**place, "place_said": said, "place_sealed": sealed}


def corrected(fields: Mapping[str, str | None]) -> dict[str, str | None]:
    """Fields that staff correct: doors stay in a place that they write, since it is what a unit has to find."""
    free = {name: redact(said, STAFF) for name, said in fields.items() if name in ("place_said", "since_said") and said}
    return {**fields, **free}


def masked(contact: str | None) -> str | None:
    """A contact as staff see it, whatever it is made of; 80 characters at most."""
    if not contact:
        return None
    shown = redact(contact)
    return (shown if shown != contact else mask(contact) or "")[:80]


def message_of(row: Mapping[str, Any], shield: Shield | None = None) -> Message:
    """A message of a transcript; with a shield its text is the original."""
    values = {f.name: row[f.name] for f in fields(Message)}
    if shield is not None and row["text_sealed"]:
        values["text"] = shield.open(row["text_sealed"])
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
