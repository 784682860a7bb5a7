"""What the channels themselves say to a resident, read from words.yml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Offer:
    """Something a resident may always press, or a `command` of an app ("start"). `title` maps language to words."""

    payload: str
    title: dict[str, str]
    command: str | None = None


class Words:
    """All wording of the channels in every language."""

    def __init__(self, content: dict[str, Any]) -> None:
        """`content`: words.yml as read."""
        self._content = content
        self.offers = tuple(Offer(o["payload"], o["title"]) for o in content["offers"])
        self.commands = tuple(Offer(c["payload"], c["menu"], name) for name, c in content["commands"].items())
        self._stand_ins = {code: _pattern(texts) for code, texts in content["stored_as"].items()}

    @classmethod
    def load(cls) -> Words:
        """Reads the file beside this module, once a process."""
        return _load()

    def reply(self, code: str, language: str) -> str:
        """Something the channel says in the conversation. Raises KeyError for an unknown code."""
        return str(self._content["replies"][code][language])

    def error(self, code: str, language: str, **blanks: Any) -> str:
        """Why something was not taken. Raises KeyError for an unknown code."""
        return str(self._content["errors"][code][language]).format(**blanks)

    def stored_as(self, code: str, language: str, **blanks: Any) -> str:
        """The words that stand in the transcript for what isn't text."""
        return str(self._content["stored_as"][code][language]).format(**blanks)

    def stands_for(self, text: str) -> str | None:
        """The code of `stored_as` whose words these are: what isn't text is known again by the words it left."""
        return next((code for code, pattern in self._stand_ins.items() if pattern.fullmatch(text)), None)

    def page(self, language: str) -> dict[str, Any]:
        """Every text of the web page by code; a table of names stays a table."""
        return {code: _in_language(text, language) for code, text in self._content["page"].items()}


def known_language(language: object) -> str:
    """`language` if the channels speak it, else Chinese."""
    return language if isinstance(language, str) and language in LANGUAGES else LANGUAGES[0]


def _pattern(texts: dict[str, str]) -> re.Pattern[str]:
    """Matches the words in any language, whatever fills the blanks."""
    return re.compile("|".join(re.sub(r"\\\{\w+\\\}", ".+", re.escape(text)) for text in texts.values()), re.DOTALL)


def _in_language(text: dict[str, Any], language: str) -> Any:
    if language in text:
        return text[language]
    return {code: _in_language(part, language) for code, part in text.items()}


@lru_cache(maxsize=1)
def _load() -> Words:
    return Words(yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8")))
