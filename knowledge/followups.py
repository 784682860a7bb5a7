"""Recognises a short follow-up that asks for one field of the guide last talked of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from knowledge.words import pattern_of

LONGEST = {"zh": 12, "en": 45}


class Followups:
    """The table followups.yml: {field: {language: [ways to ask]}}."""

    def __init__(self, table: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._patterns: list[tuple[str, re.Pattern[str], int]] = [
            (field, pattern_of(word), len(word))
            for field, ways in table.items()
            for words in ways.values()
            for word in words
        ]

    def field(self, question: str, language: str) -> str | None:
        """The field asked for, or None when the question is long or asks for none; the longest wording decides."""
        text = question.lower()
        if len(text) > LONGEST.get(language, LONGEST["en"]):
            return None
        found = [(length, field) for field, pattern, length in self._patterns if pattern.search(text)]
        return max(found)[1] if found else None
