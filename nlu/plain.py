"""Brings a message to the plain form in which two ways of typing the same words are equal."""

from __future__ import annotations

import re
import unicodedata

_EDGE = re.compile(r"^[\s\W_]+|[\s\W_]+$")
_SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """Full-width forms, case, outer punctuation and repeated spaces made equal; the words stay."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", _EDGE.sub("", folded)) or folded.strip()
