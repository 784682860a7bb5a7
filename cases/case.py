"""What the case system speaks of: a matter as filed, a case as it stands, messages, events, conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cases.redact import mask, mask_words

__all__ = ["mask", "mask_words"]


@dataclass(frozen=True)
class Matter:
    """What a resident files. `filing_key` is the id of the confirming message: the same key is the same case.

    `words` are the resident's sentences, verbatim and in order. Codes (category, domain, town, village, grid, unit)
    are those of the county's files. `since` is an ISO date or datetime; `since_said` the words for it. `facts`: what a
    consultation tells of a dispute, as JSON (see `nlu.facts`).
    """

    conversation_id: str
    filing_key: str
    kind: str
    words: tuple[str, ...]
    category: str | None = None
    domain: str | None = None
    town: str | None = None
    village: str | None = None
    grid: str | None = None
    place_said: str | None = None
    since: str | None = None
    since_said: str | None = None
    contact: str | None = None
    contact_withheld: bool = False
    language: str = "zh"
    emergency: str | None = None
    signals: tuple[str, ...] = ()
    legal_topic: str | None = None
    wanted: str | None = None
    citations: tuple[str, ...] = ()
    facts: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Case:
    """A case as it stands; `step` is 1 to 6; `version` grows with every change.

    `contact` is masked, and `words` and `place_said` tell no names, numbers or doors; `hidden`: there is more in them.
    `level` is that of the unit that leads (grid, village, town, city). `extension_asked` is in working days.
    """

    id: int
    number: str
    version: int
    status: str
    step: int
    kind: str
    conversation_id: str
    words: tuple[str, ...]
    category: str | None
    domain: str | None
    town: str | None
    village: str | None
    grid: str | None
    place_said: str | None
    since: str | None
    since_said: str | None
    contact: str | None
    contact_withheld: bool
    language: str
    emergency: str | None
    signals: tuple[str, ...]
    legal_topic: str | None
    wanted: str | None
    citations: tuple[str, ...]
    unit: str | None
    adviser: str | None
    due_at: datetime | None
    created_at: datetime
    closed_at: datetime | None
    rating: int | None
    rating_words: str | None
    level: str | None
    returns: int
    ruled: bool
    extensions: int
    extension_asked: int | None
    reopenings: int
    verified: str | None
    merged_into: int | None
    split_from: int | None
    dispatched_at: datetime | None
    amber_at: datetime | None
    overdue_at: datetime | None
    acknowledged_at: datetime | None
    alarmed_at: datetime | None
    supervised_at: datetime | None
    hidden: bool = False


@dataclass(frozen=True)
class Contact:
    """A resident's contact, words and place in full, as revealed once for a reason."""

    contact: str | None
    words: tuple[str, ...] = ()
    place: str | None = None


@dataclass(frozen=True)
class Look:
    """That somebody of the staff looked at a case: action is look or reveal; `name` where the county tells it."""

    at: datetime
    role: str | None
    action: str
    reason: str | None
    name: str | None = None


@dataclass(frozen=True)
class Utterance:
    """Something to be said: text, buttons ({title, payload}) and sources."""

    text: str
    buttons: Sequence[Mapping[str, str]] = ()
    sources: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Message:
    """One row of a transcript. author: resident, bot, staff, notice; delivery: none, waiting, sent, failed."""

    id: int
    conversation_id: str
    seq: int
    ref: str
    author: str
    text: str
    buttons: tuple[dict[str, Any], ...]
    sources: tuple[dict[str, Any], ...]
    attachments: tuple[str, ...]
    created_at: datetime
    delivery: str
    error: str | None
    case_id: int | None


@dataclass(frozen=True)
class Conversation:
    """holder: bot, waiting (for a person) or staff; `reason` says why a person was asked for."""

    id: str
    channel: str
    language: str
    holder: str
    staff: str | None
    reason: str | None
    waiting_since: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Heard:
    """A stored inbound message and how its conversation stood; `new` is False when its ref was stored before."""

    message: Message
    new: bool
    holder: str
    language: str


@dataclass(frozen=True)
class Said:
    """Stored replies to an inbound message, and who holds the conversation after them."""

    replies: list[Message]
    holder: str


@dataclass(frozen=True)
class Event:
    """One line of a case's timeline."""

    case_id: int
    seq: int
    move: str
    before: str | None
    after: str
    actor: str
    role: str
    note: str | None
    at: datetime
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditEntry:
    """Who did or saw what, and why."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    reason: str | None
