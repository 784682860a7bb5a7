"""Service guides and everyday regulations: read from YAML, rendered in a language, their named blanks filled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("zh", "en")
FOLDERS = {"service": "services", "regulation": "regulations"}
#: themes of questions that nothing here can answer, with what is said to them
BEYOND, BEYOND_FILE = "beyond", "beyond.yml"
LISTS = ("asked", "bring", "how", "steps")
TEXTS = ("title", "short", "who", "where", "takes", "costs", "local")
BLANK = re.compile(r"\{blank:([a-z0-9_]+)\}")


class GuideError(ValueError):
    """A guide's file can't be read; the message names file and fault in one line."""


@dataclass(frozen=True)
class Ground:
    """One article a guide stands on, and what the guide says that it says."""

    law: str
    article: int
    says: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Guide:
    """One service or everyday regulation; `words` holds every text field as {field: {language: lines}}."""

    code: str
    kind: str
    group: str
    words: Mapping[str, Mapping[str, tuple[str, ...]]]
    grounds: tuple[Ground, ...]
    hotlines: tuple[str, ...]
    related: tuple[str, ...]
    source: Mapping[str, Any]
    checked: str
    review: str
    path: Path

    def lines(self, name: str, language: str) -> tuple[str, ...]:
        """A field in a language, one line each; empty where the guide has none."""
        return self.words.get(name, {}).get(language, ())

    def text(self, name: str, language: str) -> str:
        """A field in a language as one text."""
        return "\n".join(self.lines(name, language))

    def spoken(self, name: str, language: str) -> tuple[str, ...]:
        """A field in a language; in Chinese where nobody has put it into that language yet."""
        return self.lines(name, language) or self.lines(name, "zh")


class Blanks:
    """What the county fills in; an empty blank shows its label in brackets, never an invented value."""

    def __init__(
        self, given: Mapping[str, Any] | None, labels: Mapping[str, Mapping[str, str]], frame: Mapping[str, str]
    ):
        self._given, self._labels, self._frame = given or {}, labels, frame

    def fill(self, text: str, language: str) -> str:
        """The text with every {blank:key} replaced."""
        return BLANK.sub(lambda match: self._value(match.group(1), language), text)

    def _value(self, key: str, language: str) -> str:
        given = self._given.get(key)
        value, label = part(given, "value"), part(given, "label")
        value = value.get(language) or value.get("zh") if isinstance(value, Mapping) else value
        if value:
            return str(value)
        label = label or self._labels.get(key) or {}
        return self._frame[language].format(label=label.get(language) or key.replace("_", " "))


def part(blank: Any, name: str) -> Any:
    """One part of a county's blank, which comes as a mapping or as an object; a bare text is its value."""
    if isinstance(blank, str):
        return blank if name == "value" else None
    return blank.get(name) if isinstance(blank, Mapping) else getattr(blank, name, None)


def load_guides(folder: Path) -> Iterator[Guide]:
    """Every guide and regulation under a folder. Raises GuideError for a file that can't be read."""
    for kind, name in FOLDERS.items():
        for path in sorted((folder / name).glob("*.yml")):
            yield from read_file(path, kind)


def load_beyond(folder: Path) -> Iterator[Guide]:
    """The themes under a folder; none where it has no such file. Raises GuideError."""
    if (folder / BEYOND_FILE).exists():
        yield from read_file(folder / BEYOND_FILE, BEYOND)


def read_file(path: Path, kind: str) -> Iterator[Guide]:
    """The guide of a file, or the guides where the file holds a list."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, OSError) as wrong:
        raise GuideError(f"{path.name}: {' '.join(str(wrong).split())}") from wrong
    for entry in found if isinstance(found, list) else [found]:
        yield read_guide(entry, kind, path)


def read_guide(entry: Any, kind: str, path: Path) -> Guide:
    """One guide from its YAML. Raises GuideError when it isn't a mapping or lacks its code."""
    try:
        return Guide(
            code=entry["code"],
            kind=kind,
            group=entry.get("group", ""),
            words={name: by_language(entry[name]) for name in (*LISTS, *TEXTS) if entry.get(name)},
            grounds=tuple(Ground(g["law"], int(g["article"]), g.get("says") or {}) for g in entry.get("grounds") or ()),
            hotlines=tuple(map(str, entry.get("hotlines") or ())),
            related=tuple(entry.get("related") or ()),
            source=entry.get("source") or {},
            checked=str(entry.get("checked", "")),
            review=str(entry.get("review", "")),
            path=path,
        )
    except (TypeError, KeyError, ValueError, AttributeError) as wrong:
        raise GuideError(f"{path.name}: {type(wrong).__name__}: {wrong}") from wrong


def by_language(value: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """{zh: text or list, en: …} → {zh: lines, en: lines}."""
    return {language: tuple(as_lines(value.get(language))) for language in LANGUAGES}


def as_lines(value: Any) -> Iterable[str]:
    """A text or a list of texts as lines."""
    if value is None:
        return ()
    return [str(line) for line in value] if isinstance(value, list) else [str(value)]
