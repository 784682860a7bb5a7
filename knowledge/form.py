"""A guide as a clerk edits it: flat fields of plain text, the same in the console's form and in a table's row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from knowledge.guides import LANGUAGES, LISTS, TEXTS
from knowledge.official_text import number_of
from knowledge.statutes import plain_name

FIELDS = {
    "regulation": ("title", "asked", "short", "steps"),
    "service": ("title", "asked", "short", "who", "bring", "where", "how", "takes", "costs", "local"),
}
SOURCE = ("title", "publisher", "date")
PLAIN = ("grounds", "hotlines", "related", *(f"source_{name}" for name in SOURCE), "checked", "review")
#: a new text is looked at again after so long, if its author names no day
REVIEWED_AFTER = timedelta(days=180)
GROUND = re.compile(
    r"《?(?P<law>[^》\d\s]+?)》?\s*第?\s*(?P<number>\d+|[零一二三四五六七八九十百千]+)\s*条?\s*(?:[:：]\s*(?P<says>.*))?$"
)
BETWEEN_LANGUAGES = " | "


class FormError(ValueError):
    """A field can't be read; `code` is one of faults.yml, `blanks` go into its sentence."""

    def __init__(self, code: str, /, **blanks: Any) -> None:
        super().__init__(code)
        self.code, self.blanks = code, blanks


def names(kind: str) -> list[str]:
    """The flat fields of a kind of guide, in the order of the form."""
    return [*(f"{name}_{language}" for name in FIELDS[kind] for language in LANGUAGES), *PLAIN]


def flat(body: Mapping[str, Any], kind: str) -> dict[str, str]:
    """A guide's body as {field: text}; lists have one item a line."""
    told = {f"{name}_{language}": _joined(body, name, language) for name in FIELDS[kind] for language in LANGUAGES}
    told["grounds"] = "\n".join(_ground_line(ground) for ground in body.get("grounds") or ())
    told |= {name: "\n".join(map(str, body.get(name) or ())) for name in ("hotlines", "related")}
    source = body.get("source") or {}
    told |= {f"source_{name}": str(source.get(name) or "") for name in SOURCE}
    return told | {name: str(body.get(name) or "") for name in ("checked", "review")}


def body_of(fields: Mapping[str, str], kind: str, code: str | None, today: date) -> dict[str, Any]:
    """The body that flat fields make. Dates left empty are today and half a year on. Raises FormError."""
    told = {name: (fields.get(name) or "").strip() for name in names(kind)}
    body: dict[str, Any] = {"code": code or "", "group": fields.get("group", "")}
    for name in FIELDS[kind]:
        words = {language: _split(name, told[f"{name}_{language}"]) for language in LANGUAGES}
        spoken = {language: text for language, text in words.items() if text}
        if spoken:
            body[name] = spoken
    body["grounds"] = [_ground(line) for line in _lines(told["grounds"])]
    body |= {name: _lines(told[name].replace("、", "\n").replace(",", "\n")) for name in ("hotlines", "related")}
    body["source"] = {name: told[f"source_{name}"] for name in SOURCE if told[f"source_{name}"]}
    body["checked"] = told["checked"] or today.isoformat()
    body["review"] = told["review"] or (today + REVIEWED_AFTER).isoformat()
    return body


def _joined(body: Mapping[str, Any], name: str, language: str) -> str:
    value = (body.get(name) or {}).get(language) or ""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _split(name: str, text: str) -> list[str] | str:
    assert name in LISTS or name in TEXTS
    return _lines(text) if name in LISTS else text


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _ground_line(ground: Mapping[str, Any]) -> str:
    says = ground.get("says") or {}
    told = BETWEEN_LANGUAGES.join(says[language] for language in LANGUAGES if says.get(language))
    return f"《{ground['law']}》第{ground['article']}条" + (f"：{told}" if told else "")


def _ground(line: str) -> dict[str, Any]:
    found = GROUND.match(line)
    if not found:
        raise FormError("ground_unread", line=line[:60])
    number = found["number"]
    article = int(number) if number.isdigit() else number_of(f"第{number}条")
    told = dict(zip(LANGUAGES, (found["says"] or "").split(BETWEEN_LANGUAGES, 1), strict=False))
    says = {language: text.strip() for language, text in told.items() if text.strip()}
    return {"law": plain_name(found["law"]), "article": article, **({"says": says} if says else {})}


def changed(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    """The fields in which two flat guides differ."""
    for name in one.keys() | other.keys():
        if _lines(one.get(name, "")) != _lines(other.get(name, "")):
            yield name
