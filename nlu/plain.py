"""Brings a message to the plain form in which two ways of typing the same words are equal."""

from __future__ import annotations

import re
import unicodedata

_EDGE = re.compile(r"^[\s\W_]+|[\s\W_]+$")
_SPACE = re.compile(r"\s+")


_OPENS_ONLY = re.compile(
    r"(?:我?(?:要|想|想要|需要))?(?:反映|反应|投诉|举报|上报|报)(?:一下|一个|个|这个)?(?:问题|情况|事情|事)?[啊吧了呀咯]?|"
    r"(?:i(?:'d| would)? (?:want|like|need) to )?(?:report|complain about) (?:it|this|that|something|a problem)|"
    r"i(?:'d| would)? (?:want|like|need) to (?:report|complain)"
)


def opens_only(text: str) -> bool:
    """Whether the words only say that something is to be reported, and nothing of what."""
    return bool(_OPENS_ONLY.fullmatch(plain(text)))


def plain(text: str) -> str:
    """Full-width forms, case, outer punctuation and repeated spaces made equal; the words stay."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", _EDGE.sub("", folded)) or folded.strip()
