"""Reads a service request as another system posts it: checked in full before anything is stored."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl

from cases.county import Category, County
from channels.open311_words import NotAccepted

MOST_FIELDS = 100
LONGEST = 4000
LONGEST_LINE = 300
LONGEST_URL = 2000
#: as many as a masked contact may have in the store
LONGEST_CONTACT = 80
FIELD = re.compile(r"attribute\[([^\[\]]{1,60})\](?:\[\])?")
#: what a text may not hold (control characters, halves of characters), and what doesn't count at its ends
UNTEXT_CLASS, BLANK = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff", " \t\r\n\u3000"
UNTEXT = re.compile(f"[{UNTEXT_CLASS}]")
HAN = re.compile("[\u3400-\u9fff]")
URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?\d{1,3}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
POSITION = re.compile(r"(?:^|\s)\((-?\d{1,3}\.\d+), (-?\d{1,3}\.\d+)\)$")
KEY = re.compile(r"[\x21-\x7e]{1,200}")
#: attribute with which a client that can't set headers makes its filing safe to repeat
KEY_ATTRIBUTE = "idempotency_key"


@dataclass(frozen=True)
class Submission:
    """A checked request. `words`: the description, then answers to the category's questions, then the media URL.

    `key` is the client's own name for this filing, None where every post is one of its own.
    """

    category: Category
    words: tuple[str, ...]
    place_said: str | None
    town: str | None
    village: str | None
    grid: str | None
    contact: str | None
    language: str
    key: str | None

    @property
    def text(self) -> str:
        """Everything that was said, without who said it."""
        place = self.place_said or self.grid or self.village or self.town or ""
        return "\n".join((*self.words, place))


class Places:
    """The county's towns and villages by code and by their full names."""

    def __init__(self, county: County) -> None:
        """`county`: whose places."""
        self._county = county

    def by_code(self, code: str) -> tuple[str, str | None, str | None]:
        """(town, village, grid) of a code of any of them. Raises NotAccepted."""
        at = self._county
        for look_up in (
            lambda: (at.town(code).code, None, None),
            lambda: (at.village(code).town_code, code, None),
            lambda: (at.village(at.grid(code).village_code).town_code, at.grid(code).village_code, code),
        ):
            try:
                return look_up()
            except LookupError:
                continue
        raise NotAccepted("address_id")

    def by_name(self, address: str) -> tuple[str | None, str | None]:
        """(town, village) that an address names in full; nothing is guessed where several fit."""
        said = address.casefold()
        towns = {code for name, code in self._towns if name in said}
        named = [village for village in self._villages if village[0] in said]
        longest = [v for v in named if not any(v[0] != other[0] and v[0] in other[0] for other in named)]
        villages = {(town, code) for _, town, code in longest}
        if len(towns) == 1:
            villages = {(town, code) for town, code in villages if town in towns}
        if len(villages) == 1 and len(towns) <= 1:
            return next(iter(villages))
        return (next(iter(towns)) if len(towns) == 1 else None), None

    @cached_property
    def _towns(self) -> list[tuple[str, str]]:
        return [(name.casefold(), t.code) for t in self._county.towns for name in (t.name, t.name_en) if name]

    @cached_property
    def _villages(self) -> list[tuple[str, str, str]]:
        return [
            (name.casefold(), v.town_code, v.code)
            for v in self._county.villages
            for name in (v.name, v.name_en)
            if name
        ]


def fields_of(body: bytes, content_type: str) -> dict[str, list[str]]:
    """The fields of a form; empty ones count as not given. Raises NotAccepted."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise NotAccepted("not_a_form")
    try:
        pairs = parse_qsl(body.decode("utf-8"), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as wrong:  # not UTF-8, or too many fields
        raise NotAccepted("not_a_form") from wrong
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if told := value.strip(BLANK):
            fields.setdefault(name, []).append(told)
    return fields


def read(fields: Mapping[str, list[str]], county: County, places: Places, key: str | None) -> Submission:
    """What is filed. `key`: the Idempotency-Key header. Raises NotAccepted at the first thing that is wrong."""
    category = _category(fields, county)
    description = line(fields, "description", LONGEST)
    if description is None:
        raise NotAccepted("description_missing")
    attributes = dict(_attributes(fields))
    key = key or (attributes.pop(KEY_ATTRIBUTE, [None]) or [None])[0]
    if key is not None and not KEY.fullmatch(key):
        raise NotAccepted("key_form")
    said, (town, village, grid) = _place(fields, places)
    return Submission(
        category=category,
        words=(description, *_answers(attributes, category), *_media(fields)),
        place_said=said, town=town, village=village, grid=grid,
        contact=_contact(fields),
        language="zh" if HAN.search(description) else "en",
        key=key,
    )  # fmt: skip


def line(fields: Mapping[str, list[str]], name: str, most: int = LONGEST_LINE) -> str | None:
    """One field's text, None where it was not given. Raises NotAccepted."""
    values = fields.get(name) or []
    if len(values) > 1:
        raise NotAccepted("twice", name=name)
    return _text(values[0], name, most) if values else None


def conversation_key(key: str) -> str:
    """A client's own name for a filing, as it stands in the id of its conversation."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def coordinates(place_said: str | None) -> tuple[str | None, float | None, float | None]:
    """Address, latitude and longitude again of a `place_said` that came from here."""
    found = POSITION.search(place_said or "")
    if not found or not place_said:
        return place_said, None, None
    return place_said[: found.start()].strip() or None, float(found[1]), float(found[2])


def question_code(number: int) -> str:
    """The attribute that answers the `number`-th question of a category, from 1."""
    return f"detail{number}"


def _text(value: str, name: str, most: int) -> str:
    if UNTEXT.search(value):
        raise NotAccepted("not_text", name=name)
    if len(value) > most:
        raise NotAccepted("too_long", name=name, most=most)
    return value


def _category(fields: Mapping[str, list[str]], county: County) -> Category:
    code = line(fields, "service_code")
    if code is None:
        raise NotAccepted("service_missing")
    try:
        return county.category(code)
    except LookupError:
        raise NotAccepted("service") from None


def _attributes(fields: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for name, values in fields.items():
        found = FIELD.fullmatch(name)
        if found:
            yield found[1], [_text(value, name, LONGEST) for value in values]
        elif name.startswith("attribute"):
            raise NotAccepted("attribute", name=_text(name, "attribute", LONGEST_LINE))


def _answers(attributes: Mapping[str, list[str]], category: Category) -> Iterator[str]:
    """Each answer behind its question, in the order of the questions."""
    asked = {question_code(n): question for n, question in enumerate(category.questions, 1)}
    for unknown in attributes:
        if unknown not in asked:
            raise NotAccepted("attribute", name=_text(unknown, "attribute", LONGEST_LINE))
    for code, question in asked.items():
        for value in attributes.get(code, ()):
            yield f"{question['zh' if HAN.search(value) else 'en']} {value}"


def _media(fields: Mapping[str, list[str]]) -> Iterator[str]:
    url = line(fields, "media_url", LONGEST_URL)
    if url is not None:
        if not URL.fullmatch(url):
            raise NotAccepted("media_url")
        yield url


def _place(
    fields: Mapping[str, list[str]], places: Places
) -> tuple[str | None, tuple[str | None, str | None, str | None]]:
    """Words for the place, and its codes (town, village, grid)."""
    address, code = line(fields, "address_string"), line(fields, "address_id")
    position = _position(line(fields, "lat"), line(fields, "long"))
    if not (address or code or position):
        raise NotAccepted("place_missing")
    said = " ".join(part for part in (address, position) if part) or None
    if code:
        return said, places.by_code(code)
    return said, (*(places.by_name(address) if address else (None, None)), None)


def _position(lat: str | None, long: str | None) -> str | None:
    if lat is None and long is None:
        return None
    if not (lat and long and NUMBER.fullmatch(lat) and NUMBER.fullmatch(long)):
        raise NotAccepted("coordinates")
    north, east = float(lat), float(long)
    if not (math.fabs(north) <= 90 and math.fabs(east) <= 180):
        raise NotAccepted("coordinates")
    return f"({north:.6f}, {east:.6f})"


def _contact(fields: Mapping[str, list[str]]) -> str | None:
    """How to reach whoever filed. A name stands between, for both ends of a masked contact can be read."""
    reached = [part for part in (line(fields, "phone"), line(fields, "email")) if part]
    names = (line(fields, "last_name"), line(fields, "first_name"))
    name = ("" if any(n and HAN.search(n) for n in names) else " ").join(n for n in names if n)
    if name:
        reached = [reached[0] if reached else "----", name, reached[1] if len(reached) > 1 else "(Open311)"]
    contact = " ".join(reached)
    if len(contact) > LONGEST_CONTACT:
        raise NotAccepted("contact_long", most=LONGEST_CONTACT - len(" (Open311)"))
    return contact or None


def is_text(value: str) -> bool:
    """Whether it holds nothing but text."""
    return UNTEXT.search(value) is None
