"""What other systems are told over Open311, and the refusals it is told with, read from open311.yml."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


class NotAccepted(Exception):
    """A request that was not carried out; nothing was stored. `code` is in open311.yml; `blanks` fill its text."""

    def __init__(self, code: str, **blanks: Any) -> None:
        """See open311.yml for codes and blanks."""
        super().__init__(code)
        self.code, self.blanks = code, blanks


class Open311Words:
    """All wording of the interface in every language."""

    def __init__(self, content: dict[str, Any]) -> None:
        """`content`: open311.yml as read."""
        self._content = content
        self.codes = frozenset(content["errors"])

    @classmethod
    def load(cls) -> Open311Words:
        """Reads the file beside this module, once a process."""
        return _load()

    def status(self, code: str) -> int:
        """The HTTP status of an error. Raises KeyError for an unknown code."""
        return int(self._content["errors"][code]["status"])

    def error(self, code: str, language: str, **blanks: Any) -> str:
        """Why something was not accepted. Raises KeyError for an unknown code or blank."""
        return str(self._content["errors"][code][language]).format(**blanks)

    def word(self, part: str, code: str, language: str, **blanks: Any) -> str:
        """Other wording: `part` is notices, discovery or attribute."""
        return str(self._content[part][code][language]).format(**blanks)


@lru_cache(maxsize=1)
def _load() -> Open311Words:
    return Open311Words(yaml.safe_load(Path(__file__).with_name("open311.yml").read_text(encoding="utf-8")))
