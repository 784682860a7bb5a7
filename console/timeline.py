"""Tells what happened to a case line by line, the way a clerk would write it into a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cases.case import Event


@dataclass(frozen=True)
class Line:
    """One line: when, who (a role), what as a sentence, and the words that came with it."""

    at: datetime
    role: str
    told: str
    note: str | None


class Words(Protocol):
    """What a page knows of names and labels."""

    def word(self, code: str, language: str, **blanks: Any) -> str: ...
    def name(self, find: Any, code: str | None, language: str) -> str: ...
    def moment(self, at: datetime | str | None) -> str: ...
    def door(self, code: str, language: str) -> str: ...
    @property
    def county(self) -> Any: ...


def lines(events: Iterable[Event], pages: Words, language: str) -> list[Line]:
    """The timeline; a move that has no sentence of its own is told by its label."""
    return [Line(e.at, e.role, sentence(e, pages, language), e.note) for e in events]


def sentence(event: Event, pages: Words, language: str) -> str:
    """One event as a sentence of words.yml (`tell_<move>`)."""
    told = pages.word(f"tell_{event.move}", language)
    if told == f"tell_{event.move}":
        return pages.word(f"move_{event.move}", language)
    return told.format(**blanks(event, pages, language)) + extra(event, pages, language)


def blanks(event: Event, pages: Words, language: str) -> dict[str, Any]:
    """What fills a sentence."""
    held = event.detail
    return {
        "unit": receiver(held, pages, language),
        "due": pages.moment(held.get("due_at")),
        "days": held.get("days", ""),
        "other": held.get("other", ""),
        "part": held.get("part", ""),
        "ground": held.get("ground", ""),
        "door": pages.door(held["door"], language) if held.get("door") else "",
        "verified": pages.word(f"verified_{held.get('verified')}", language),
        "rating": held.get("rating", ""),
        "fields": pages.word("comma", language).join(pages.word(name, language) for name in held),
    }


def receiver(held: dict[str, Any], pages: Words, language: str) -> str:
    """Who got the case: a unit with its level, or the adviser."""
    if held.get("adviser"):
        return pages.word("role_adviser", language)
    name = pages.name(pages.county.unit, held.get("unit"), language)
    return f"{name}（{pages.word('level_' + held['level'], language)}）" if held.get("level") else name


def extra(event: Event, pages: Words, language: str) -> str:
    """Who helps, and whether the answer came in time."""
    told = ""
    if support := event.detail.get("support"):
        names = pages.word("comma", language).join(pages.name(pages.county.unit, code, language) for code in support)
        told += pages.word("tell_support", language, units=names)
    if event.detail.get("in_time") is False:
        told += pages.word("tell_late", language)
    return told
