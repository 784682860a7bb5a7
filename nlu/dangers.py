"""Hears danger to life that is happening now, and isn't fooled by a drill, a fee, a memory or a bargain."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import yaml
import zhconv

LONG = 220
OTHER = "other"
ORDER = (
    "suicide", "drowning", "fire", "gas", "electrocution", "collapse", "missing", "violence", "fireworks", "medical",
    "traffic", "other",
)  # fmt: skip


def danger(text: str) -> str | None:
    """Code of the danger that a message tells of, or None.

    A long letter is a petition, not a cry for help: there, only its first and last sentences count.
    """
    plain = zhconv.convert(text, "zh-cn").lower()
    parts = [plain] if len(plain) <= LONG else [plain[:60], plain[-60:]]
    for part in parts:
        for code in ORDER:
            now, calm = _patterns()[code]
            if now.search(part) and not calm.search(part):
                return code
    return None


def calm(text: str) -> bool:
    """Whether the words speak of a drill, a fee, a memory or the like, or only of impatience in strong words."""
    return bool(_calm().search(zhconv.convert(text, "zh-cn").lower()))


@lru_cache(maxsize=1)
def _calm() -> re.Pattern[str]:
    return re.compile("|".join([*_read()["all"]["calm"], *_read()["all"]["figure"]]))


@lru_cache(maxsize=1)
def _patterns() -> dict[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    everywhere = _read()["all"]["calm"]
    return {
        code: (re.compile("|".join(known["now"])), re.compile("|".join([*known["calm"], *everywhere])))
        for code, known in _read().items()
        if code != "all"
    }


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, list[str]]]:
    read: dict[str, dict[str, list[str]]] = yaml.safe_load(
        (Path(__file__).parent / "lookups" / "dangers.yml").read_text(encoding="utf-8")
    )
    return read
