"""What somebody with a legal problem must know beside the law: how long there is, what proof to keep, which doors are
open; never how it will end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knowledge.guides import LANGUAGES, Ground

DEFAULT = "general"


@dataclass(frozen=True)
class Period:
    """One sentence on what the law of the day holds, such as a period within which something must be done, in both
    languages, and the article it stands on."""

    words: Mapping[str, str]
    ground: Ground


@dataclass(frozen=True)
class Counsel:
    """Of one field of law; `routes` are (words by language, code of the guide that tells more)."""

    periods: tuple[Period, ...]
    proof: Mapping[str, str]
    routes: tuple[tuple[Mapping[str, str], str], ...]


class Counsels:
    """The table of consulting.yml."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Raises KeyError where a topic names a period or route that isn't there."""
        self.periods = {code: self._sentence(one) for code, one in table["periods"].items()}
        self.first_words = {
            code: tuple(self._sentence(one) for one in told) for code, told in table.get("first_words", {}).items()
        }
        self.routes = {code: (one, one["guide"]) for code, one in table["routes"].items()}
        self.topics = {code: self._counsel(one) for code, one in table["topics"].items()}

    @staticmethod
    def _sentence(one: Mapping[str, Any]) -> Period:
        words = {language: one[language] for language in LANGUAGES}
        return Period(words, Ground(one["law"], one["article"], one["says"]))

    def _counsel(self, one: Mapping[str, Any]) -> Counsel:
        periods = tuple(self.periods[code] for code in one["periods"])
        return Counsel(periods, one["proof"], tuple(self.routes[code] for code in one["routes"]))

    def of(self, topic: str | None) -> Counsel:
        """What to tell in a field of law; in a field that isn't known, what holds everywhere."""
        return self.topics.get(topic or DEFAULT, self.topics[DEFAULT])

    def grounds(self) -> Iterator[Ground]:
        """Every article that a period or a first word stands on."""
        return (one.ground for one in self.sentences())

    def sentences(self) -> Iterator[Period]:
        """Every sentence that stands on an article: periods, then first words."""
        yield from self.periods.values()
        for told in self.first_words.values():
            yield from told
