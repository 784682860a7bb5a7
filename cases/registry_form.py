"""Checks what is written into the registry: codes against the county, points, dates, and that it names nobody."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from cases.county import County
from cases.errors import Refused
from cases.redact import NUMBERS

PERSON, PLACE, THING, SITUATION, EVENT, ORGANISATION = "person", "place", "thing", "situation", "event", "organisation"
KINDS = (PERSON, PLACE, THING, SITUATION, EVENT, ORGANISATION)
#: fields of an entry that staff write, in the order of the form
FIELDS = (
    "kind", "code", "subkind", "name", "name_en", "town", "village", "grid", "unit", "longitude", "latitude", "detail",
    "source", "valid_from", "valid_to",
)  # fmt: skip
NEEDED = ("kind", "code", "name", "subkind")
LONGEST = {"code": 60, "name": 120, "name_en": 200, "source": 200}
MOST_DETAILS, LONGEST_KEY, LONGEST_DETAIL = 30, 40, 500
RANGES = {"longitude": (-180, 180), "latitude": (-90, 90)}
#: faults of a table's head; like those of its rows they name the column as it is written there
OF_HEAD = frozenset({"no_column", "column_twice"})
#: a tenth of a metre
DECIMALS = 6
CODE = re.compile(r"[A-Za-z0-9一-鿿][A-Za-z0-9一-鿿._-]*")
COLON = re.compile("[:：]")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
SHORTEST_HOW = 4


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: a code of registry.yml, the column, the row of a table (from 2 on) and blanks."""

    code: str
    column: str
    blanks: Mapping[str, Any] = field(default_factory=dict)
    row: int | None = None

    def told(self, language: str) -> str:
        """The fault in a sentence that names row and column."""
        words, shown = terms(), "zh" if language == "zh" else "en"
        column = words["columns"].get(self.column, {}).get(shown, self.column)
        if self.column in words["columns"] and (self.row is not None or self.code in OF_HEAD):
            column = words["faults"]["header"][shown].format(column=column, header=self.column)
        blanks = dict(self.blanks)
        if "column_of" in blanks:
            blanks["column_of"] = words["columns"][blanks["column_of"]][shown]
        faults = words["faults"]
        where = faults["field" if self.row is None else "row"][shown].format(row=self.row, column=column)
        return str(where + faults[self.code][shown].format(**blanks))


class RegistryRefused(Refused):
    """Fields or a table with faults; nothing has changed."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """`faults`: at least one."""
        self.faults = tuple(faults)
        super().__init__(self.faults[0].code)


def fault(code: str, column: str, /, **blanks: Any) -> Fault:
    """A fault with its blanks."""
    return Fault(code, column, blanks)


@lru_cache(maxsize=1)
def terms() -> dict[str, Any]:
    """registry.yml, read once."""
    return dict(yaml.safe_load(Path(__file__).with_name("registry.yml").read_text(encoding="utf-8")))


def subkinds(kind: str) -> dict[str, dict[str, str]]:
    """Code → names (zh, en) of what there is of a kind; empty for an unknown kind."""
    return dict(terms()["subkinds"].get(kind, {}))


class Form:
    """Turns what was written into the values of an entry."""

    def __init__(self, county: County) -> None:
        """`county`: its codes are the only ones."""
        self._county = county

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values of FIELDS, empty ones None (detail: {}). Words for codes become codes; a grid brings its
        village and town. Raises RegistryRefused with everything that is wrong."""
        found: list[Fault] = []
        values: dict[str, Any] = {name: _text(given.get(name)) for name in FIELDS if name != "detail"}
        found += [fault("missing", name) for name in NEEDED if not values[name]]
        found += self._codes(values)
        found += _lengths(values)
        found += _points(values)
        found += _days(values)
        values["detail"], wrong = _details(given.get("detail") or {})
        found += wrong
        found += _personal(values)
        found += self._in_county_files(values)
        if found:
            raise RegistryRefused(found)
        return values

    @staticmethod
    def kind_of(told: str) -> str:
        """The code of a kind from its code or name. Raises RegistryRefused."""
        values: dict[str, Any] = {"kind": told}
        found = Form._resolve(values, "kind", _words_of("kinds")) if told else [fault("missing", "kind")]
        if found:
            raise RegistryRefused(found)
        return str(values["kind"])

    # --- codes ---------------------------------------------------------------------------------------------------

    def _codes(self, values: dict[str, Any]) -> list[Fault]:
        found = self._kinds(values)
        if values["code"] and not CODE.fullmatch(values["code"]):
            found.append(fault("bad_code", "code"))
        found += self._resolve(values, "unit", self._units)
        wrong = self._resolve(values, "town", self._towns) + self._resolve(values, "grid", self._grids)
        wrong += self._villages(values)
        return found + (wrong or self._places_agree(values))

    @staticmethod
    def _kinds(values: dict[str, Any]) -> list[Fault]:
        found = Form._resolve(values, "kind", _words_of("kinds"))
        if values["kind"] in KINDS and values["subkind"]:
            known = _words_of("subkinds", values["kind"])
            if values["kind"] == ORGANISATION and values["subkind"] in _words_of("county"):
                return [*found, fault("county_file", "subkind")]
            found += Form._resolve(values, "subkind", known)
        return found

    @staticmethod
    def _resolve(values: dict[str, Any], column: str, known: Mapping[str, set[str]]) -> list[Fault]:
        """Puts the code in the place of a code or name; empty stays empty."""
        told = values[column]
        if not told:
            return []
        codes = known.get(told, set())
        if len(codes) != 1:
            return [fault("several" if codes else "unknown", column, value=told)]
        [values[column]] = codes
        return []

    def _villages(self, values: dict[str, Any]) -> list[Fault]:
        """Villages of one name are told apart by the town."""
        told, town = values["village"], values["town"]
        codes = self._village_codes.get(told or "", set())
        inside = {code for code in codes if self._county.village(code).town_code == town}
        return self._resolve(values, "village", {told: inside or codes} if told else {})

    def _places_agree(self, values: dict[str, Any]) -> list[Fault]:
        for inner, outer, find in (
            ("grid", "village", lambda code: self._county.grid(code).village_code),
            ("village", "town", lambda code: self._county.village(code).town_code),
        ):
            if values[inner]:
                lies_in = find(values[inner])
                if values[outer] not in (None, lies_in):
                    return [fault("elsewhere", inner, value=values[inner], column_of=outer)]
                values[outer] = lies_in
        return []

    def _in_county_files(self, values: dict[str, Any]) -> list[Fault]:
        if values["kind"] == ORGANISATION and (values["code"] in self._own or values["name"] in self._units):
            return [fault("county_file", "code")]
        return []

    @cached_property
    def _own(self) -> set[str]:
        county = self._county
        logins = [m.login for m in county.staff] + [a.login for a in county.advisers]
        return {u.code for u in county.units} | set(logins)

    @cached_property
    def _towns(self) -> dict[str, set[str]]:
        return _by_name((t.code, t.name, t.name_en, *t.aliases) for t in self._county.towns)

    @cached_property
    def _village_codes(self) -> dict[str, set[str]]:
        return _by_name((v.code, v.name, v.name_en) for v in self._county.villages)

    @cached_property
    def _grids(self) -> dict[str, set[str]]:
        return _by_name((g.code, g.name) for g in self._county.grids)

    @cached_property
    def _units(self) -> dict[str, set[str]]:
        return _by_name((u.code, u.name, u.name_en) for u in self._county.units)


def consent_faults(told: str | None, today: date) -> list[Fault]:
    """What is wrong with the words of a consent: they need a day, not a later one, and how it was given."""
    said = DAY.search(told or "")
    try:
        day = date.fromisoformat(said.group()) if said else None
    except ValueError:
        day = None
    if day is None or len(DAY.sub("", told or "").strip(" ，,。;；")) < SHORTEST_HOW:
        return [fault("no_consent", "consent")]
    return [fault("consent_later", "consent")] if day > today else []


def at_row(faults: Iterable[Fault], row: int) -> list[Fault]:
    """Faults of one row of a table."""
    return [replace(one, row=row) for one in faults]


def pairs(text: str) -> dict[str, str]:
    """Further fields from lines `name: content`. Raises RegistryRefused for a line that is none."""
    told: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, *value = map(str.strip, COLON.split(line, maxsplit=1))
        if not key or not any(value):
            raise RegistryRefused([fault("no_pair", "detail", value=line[:LONGEST_KEY])])
        told[key] = value[0]
    return told


def lines(detail: Mapping[str, str]) -> str:
    """Further fields as lines for a form; `pairs` reads them."""
    return "\n".join(f"{key}: {' '.join(value.split())}" for key, value in detail.items())


def _text(value: Any) -> str | None:
    """A cell or argument as text without its blanks; nothing for nothing."""
    return None if value is None else str(value).strip() or None


@cache
def _words_of(part: str, kind: str | None = None) -> dict[str, set[str]]:
    """Code and names → codes, of a part of registry.yml."""
    names = terms()[part] if kind is None else terms()[part][kind]
    return _by_name((code, name["zh"], name["en"]) for code, name in names.items())


def _by_name(rows: Iterable[tuple[str, ...]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for code, *named in rows:
        for name in (code, *named):
            found[name].add(code)
    return found


def _lengths(values: Mapping[str, Any]) -> list[Fault]:
    return [
        fault("too_long", name, most=most)
        for name, most in LONGEST.items()
        if values[name] and len(values[name]) > most
    ]  # fmt: skip


def _points(values: dict[str, Any]) -> list[Fault]:
    found: list[Fault] = []
    for name, (least, most) in RANGES.items():
        told = values[name]
        if told is None:
            continue
        try:
            number = float(told)
        except ValueError:
            found.append(fault("no_number", name, value=told))
            continue
        if not least <= number <= most:
            found.append(fault("out_of_range", name, value=told, least=least, most=most))
        values[name] = round(number, DECIMALS)
    if not found and (values["longitude"] is None) != (values["latitude"] is None):
        found.append(fault("half_a_point", "latitude" if values["latitude"] is None else "longitude"))
    return found


def _days(values: dict[str, Any]) -> list[Fault]:
    found: list[Fault] = []
    for name in ("valid_from", "valid_to"):
        told = values[name]
        try:
            values[name] = date.fromisoformat(told) if told else None
        except ValueError:
            found.append(fault("no_date", name, value=told))
    if not found and values["valid_from"] and values["valid_to"] and values["valid_to"] < values["valid_from"]:
        found.append(fault("ends_before", "valid_to"))
    return found


def _details(given: Mapping[str, Any]) -> tuple[dict[str, str], list[Fault]]:
    told = {str(key).strip(): text for key, value in given.items() if (text := _text(value))}
    if len(told) > MOST_DETAILS:
        return told, [fault("too_many", "detail", most=MOST_DETAILS)]
    for key, value in told.items():
        if not key or len(key) > LONGEST_KEY or len(value) > LONGEST_DETAIL:
            return told, [fault("too_long", f"detail.{key[:LONGEST_KEY]}", most=LONGEST_DETAIL)]
    return told, []


def _personal(values: Mapping[str, Any]) -> list[Fault]:
    """Mobile and identity numbers; the landline of a school or an office is nobody's own. A thing's code may be long,
    a person's may not be made of such a number."""
    columns = ("name", "name_en", "source", *(("code",) if values["kind"] == PERSON else ()))
    texts = {name: values[name] for name in columns if values[name]}
    texts |= {f"detail.{key}": f"{key} {value}" for key, value in values["detail"].items()}
    return [
        fault("personal_number", column)
        for column, text in texts.items()
        if any(not found.group().startswith("0") for found in NUMBERS.finditer(text))
    ]
