"""What residents are told when their case moves, read from notices.yml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


class Notices:
    """Renders a notice in the language of the conversation."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """`content`: notices.yml as read."""
        self._notices, self._words, self._doors = content["notices"], content["words"], content["doors"]

    @classmethod
    def load(cls) -> Notices:
        """Reads the file beside this module, once a process."""
        return _load()

    @property
    def codes(self) -> set[str]:
        """Every notice there is."""
        return set(self._notices)

    @property
    def doors(self) -> tuple[str, ...]:
        """Codes of who may be responsible instead of the county."""
        return tuple(self._doors)

    def door(self, code: str, language: str) -> str:
        """What a resident is told of such a door."""
        return str(self._doors[code]["en" if language == "en" else "zh"])

    def render(self, code: str, language: str, blanks: Mapping[str, str]) -> tuple[str, list[dict[str, str]]]:
        """Text and buttons. Raises KeyError for an unknown code or blank."""
        notice = self._notices[code]
        shown = language if language in notice else "zh"
        buttons = [{"title": b[shown], "payload": b["payload"]} for b in notice.get("buttons", ())]
        return str(notice[shown]).format(**blanks), buttons

    def word(self, code: str, language: str) -> str:
        """A word that fills a blank."""
        return str(self._words[code]["en" if language == "en" else "zh"])


@lru_cache(maxsize=1)
def _load() -> Notices:
    return Notices(yaml.safe_load(Path(__file__).with_name("notices.yml").read_text(encoding="utf-8")))
