"""One county as data: its places, units, categories, limits, staff and advisers, read from files a clerk can edit."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import yaml

from cases.responsibilities import Duty, WrongDuty, by_category, duty_of


class CountyError(Exception):
    """A file of the county is wrong. The text is one line: file, line, what."""

    def __init__(self, file: str, line: int | None, what: str) -> None:
        """`line` is None where the whole file is meant."""
        super().__init__(f"{file}{f', line {line}' if line else ''}: {what}")
        self.file, self.line, self.what = file, line, what


@dataclass(frozen=True)
class Town:
    """A town, subdistrict or development zone."""

    code: str
    name: str
    name_en: str
    kind: str
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Village:
    """A village or community."""

    code: str
    name: str
    name_en: str
    town_code: str
    kind: str
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A grid with its worker."""

    code: str
    name: str
    village_code: str
    worker: str


@dataclass(frozen=True)
class Domain:
    """A first-level class of matters."""

    code: str
    name: str
    name_en: str


@dataclass(frozen=True)
class Category:
    """A second-level class: what belongs, and examples in residents' words."""

    code: str
    domain: str
    name: Mapping[str, str]
    includes: str = ""
    excludes: str = ""
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    public: bool = True
    questions: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Unit:
    """Who deals with matters: a department of the city, a town's own office, a village committee, a grid's worker."""

    code: str
    name: str
    name_en: str
    level: str
    town_code: str | None


@dataclass(frozen=True)
class StaffMember:
    """Somebody who signs in. role: operator, unit, adviser, leader, administrator."""

    login: str
    name: str
    role: str
    unit: str | None


@dataclass(frozen=True)
class Adviser:
    """A law adviser and the towns they serve."""

    login: str
    name: str
    towns: tuple[str, ...]
    duty_hours: str = ""


T = TypeVar("T")
ROLES = frozenset({"operator", "unit", "adviser", "leader", "administrator"})
LIMITS = (
    "days", "emergency_hours", "acknowledge_minutes", "desk_hours", "adviser_hours", "adviser_urgent_hours",
    "urge_hours", "extension_days", "extensions", "redo_days", "reopen_days", "reopenings", "amber_share",
)  # fmt: skip


@dataclass(frozen=True)
class County:
    """Everything about one county, checked: every code that is used exists. Look-ups raise LookupError."""

    name: Mapping[str, str]
    timezone: str
    prefix: str
    hours: Mapping[str, str]
    opens: time
    closes: time
    centre: str
    duty: str
    limits: Mapping[str, float]
    blanks: Mapping[str, Mapping[str, Any]]
    towns: tuple[Town, ...]
    villages: tuple[Village, ...]
    grids: tuple[Grid, ...]
    domains: tuple[Domain, ...]
    categories: tuple[Category, ...]
    duties: Mapping[str, tuple[Duty, ...]]
    units: tuple[Unit, ...]
    staff: tuple[StaffMember, ...]
    advisers: tuple[Adviser, ...]
    tells_staff_names: bool = False

    @classmethod
    def load(cls, folder: Path) -> County:
        """Reads a county's folder. Raises CountyError at the first thing that is wrong; then nothing is loaded."""
        return _Reader(Path(folder)).county()

    @cached_property
    def zone(self) -> ZoneInfo:
        """The county's time zone."""
        return ZoneInfo(self.timezone)

    def town(self, code: str) -> Town:
        """By code."""
        return self._towns[code]

    def village(self, code: str) -> Village:
        """By code."""
        return self._villages[code]

    def grid(self, code: str) -> Grid:
        """By code."""
        return self._grids[code]

    def domain(self, code: str) -> Domain:
        """By code."""
        return self._domains[code]

    def category(self, code: str) -> Category:
        """By code."""
        return self._categories[code]

    def unit(self, code: str) -> Unit:
        """By code."""
        return self._units[code]

    def has_unit(self, code: str) -> bool:
        """Whether the code is one of a unit: a place that was renamed or merged is none any more."""
        return code in self._units

    def grids_of(self, village_code: str) -> tuple[Grid, ...]:
        """The grids of a village or community."""
        return self._grids_of.get(village_code, ())

    def adviser_for(self, code: str) -> Adviser:
        """The one adviser of a grid, village or town."""
        if code in self._grids:
            code = self._grids[code].village_code
        if code in self._villages:
            code = self._villages[code].town_code
        return self._advisers[code]

    @cached_property
    def members(self) -> tuple[StaffMember, ...]:
        """Everybody who signs in: staff, advisers, and in each grid and village committee one under its code."""
        found = {m.login: m for m in _of_the_places(self.villages, self.grids)}
        found |= {a.login: StaffMember(a.login, a.name, "adviser", None) for a in self.advisers}
        return tuple((found | {m.login: m for m in self.staff}).values())

    @cached_property
    def _towns(self) -> dict[str, Town]:
        return {t.code: t for t in self.towns}

    @cached_property
    def _villages(self) -> dict[str, Village]:
        return {v.code: v for v in self.villages}

    @cached_property
    def _grids(self) -> dict[str, Grid]:
        return {g.code: g for g in self.grids}

    @cached_property
    def _domains(self) -> dict[str, Domain]:
        return {d.code: d for d in self.domains}

    @cached_property
    def _categories(self) -> dict[str, Category]:
        return {c.code: c for c in self.categories}

    @cached_property
    def _units(self) -> dict[str, Unit]:
        """Departments and towns; every village committee and grid is a unit too, under its own code."""
        towns = {v.code: v.town_code for v in self.villages}
        found = {
            v.code: Unit(v.code, committee(v), f"{v.name_en} Committee", "village", v.town_code) for v in self.villages
        }
        found |= {g.code: Unit(g.code, g.name, f"Grid {g.code}", "grid", towns[g.village_code]) for g in self.grids}
        return found | {u.code: u for u in self.units}

    @cached_property
    def _advisers(self) -> dict[str, Adviser]:
        return {town: adviser for adviser in self.advisers for town in adviser.towns}

    @cached_property
    def _grids_of(self) -> dict[str, tuple[Grid, ...]]:
        found: dict[str, list[Grid]] = defaultdict(list)
        for grid in self.grids:
            found[grid.village_code].append(grid)
        return {code: tuple(grids) for code, grids in found.items()}


def committee(village: Village) -> str:
    """What the committee of a village or community is called."""
    if village.name.endswith("居委会"):
        return village.name
    return village.name + ("居民委员会" if village.kind == "社区" else "村民委员会"[village.name.endswith("村") :])


def _of_the_places(villages: Iterable[Village], grids: Iterable[Grid]) -> Iterable[StaffMember]:
    for village in villages:
        yield StaffMember(f"village-{village.code}", committee(village), "unit", village.code)
    for grid in grids:
        yield StaffMember(grid.worker or f"grid-{grid.code}", grid.name, "unit", grid.code)


def read_yaml(path: Path) -> Any:
    """What stands in a file of the county. Raises CountyError."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else None
        raise CountyError(path.name, line, str(wrong.problem)) from wrong
    except (OSError, UnicodeDecodeError) as wrong:
        raise CountyError(path.name, None, f"can't be read: {wrong}") from wrong


class _Reader:
    """Reads and checks the files one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def county(self) -> County:
        head = self._yaml("county.yml")
        towns = self._table("towns.csv", Town, {"aliases": _many})
        villages = self._table("villages.csv", Village, {"aliases": _many}, {"town_code": _codes(towns)})
        grids = self._table("grids.csv", Grid, {}, {"village_code": _codes(villages)})
        domains = self._table("domains.csv", Domain)
        units = self._table("units.csv", Unit, {"town_code": _maybe})
        self._known("units.csv", units, "town_code", _codes(towns))
        categories = self._categories(_codes(domains))
        duties = self._duties(_codes(categories), _codes(units))
        staff = self._table("staff.csv", StaffMember, {"unit": _maybe}, {"role": ROLES}, key="login")
        self._known("staff.csv", staff, "unit", _codes(units) | _codes(villages) | _codes(grids))
        advisers = self._table("advisers.csv", Adviser, {"towns": _many}, key="login")
        self._one_adviser_each(advisers, towns)
        return County(
            **self._head(head, _codes(units)), limits=self._limits(), towns=towns, villages=villages, grids=grids,
            domains=domains, categories=categories, duties=duties, units=units, staff=staff, advisers=advisers,
        )  # fmt: skip

    def _head(self, head: Mapping[str, Any], units: set[str]) -> dict[str, Any]:
        try:
            known = {
                "name": head["name"],
                "timezone": head["timezone"],
                "prefix": head["case_prefix"],
                "hours": head["hours"]["said"],
                "opens": time.fromisoformat(head["hours"]["opens"]),
                "closes": time.fromisoformat(head["hours"]["closes"]),
                "centre": head["command_centre"],
                "duty": head["duty_desk"],
                "blanks": head["blanks"],
                "tells_staff_names": head.get("tell_staff_names") is True,
            }
            ZoneInfo(known["timezone"])
        except (KeyError, TypeError, ValueError) as wrong:
            raise CountyError("county.yml", None, f"missing or wrong: {wrong}") from wrong
        for role in ("centre", "duty"):
            if known[role] not in units:
                raise CountyError("county.yml", None, f"there is no unit {known[role]!r} in units.csv")
        return known

    def _limits(self) -> dict[str, float]:
        found = self._yaml("limits.yml")
        for name in LIMITS:
            if not isinstance(found, dict) or not _above_zero(found.get(name)):
                raise CountyError("limits.yml", None, f"{name} must be a number above 0")
        return dict(found)

    def _duties(self, categories: set[str], units: set[str]) -> dict[str, tuple[Duty, ...]]:
        name, duties = "responsibilities.csv", []
        for line, row in self._rows(name, ["category", "level", "lead", "support", "limit", "urgent_limit"]):
            try:
                duties.append(duty_of(row, categories, units))
            except WrongDuty as wrong:
                raise CountyError(name, line, str(wrong)) from wrong
        try:
            found = by_category(duties)
        except WrongDuty as wrong:
            raise CountyError(name, None, str(wrong)) from wrong
        if missing := sorted(categories - set(found)):
            raise CountyError(name, None, f"nobody is responsible for {missing[0]}")
        return found

    def _categories(self, domains: set[str]) -> tuple[Category, ...]:
        found: dict[str, Category] = {}
        allowed = {f.name for f in fields(Category)}
        rows = self._yaml("categories.yml")
        if not isinstance(rows, list) or not rows:
            raise CountyError("categories.yml", None, "there is no list of categories in it")
        starts = self._starts_of_items("categories.yml")
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                raise CountyError("categories.yml", starts[number], "this is not a category with fields")

            told = _wrong_in_category(row)
            if unknown := set(row) - allowed:
                told = f"unknown field {sorted(map(str, unknown))[0]}"
            elif told is None and row["domain"] not in domains:
                told = f"there is no domain {row['domain']!r}"
            elif told is None and row["code"] in found:
                told = "the code stands there twice"
            if told:
                raise CountyError("categories.yml", starts[number], f"category {row.get('code', '?')}: {told}")
            examples = {k: tuple(v) for k, v in row.get("examples", {}).items()}
            found[row["code"]] = Category(**{**row, "examples": examples, "questions": tuple(row.get("questions", ()))})
        return tuple(found.values())

    def _starts_of_items(self, name: str) -> list[int]:
        """Line of each item of a file that is one YAML list."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        node = yaml.compose((self._folder / name).read_text(encoding="utf-8"), Loader=loader)
        return [item.start_mark.line + 1 for item in (node.value if node else ())]

    def _table(
        self,
        name: str,
        kind: Callable[..., T],
        convert: Mapping[str, Callable[[str], Any]] | None = None,
        known: Mapping[str, Iterable[str]] | None = None,
        key: str = "code",
    ) -> tuple[T, ...]:
        seen: dict[str, T] = {}
        names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
        for line, row in self._rows(name, names):
            values = {n: (convert or {}).get(n, str)(row[n]) for n in names}
            if not values[key]:
                raise CountyError(name, line, f"{key} is empty")
            if values[key] in seen:
                raise CountyError(name, line, f"{key} {values[key]} stands there twice")
            for column, codes in (known or {}).items():
                if values[column] not in codes:
                    raise CountyError(name, line, f"{column}: there is no {values[column]!r}")
            seen[values[key]] = kind(**values)
        return tuple(seen.values())

    def _rows(self, name: str, names: list[str]) -> Iterable[tuple[int, dict[str, str]]]:
        try:
            with (self._folder / name).open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                if missing := [n for n in names if n not in (reader.fieldnames or ())]:
                    raise CountyError(name, 1, f"the column {missing[0]} is missing")
                for row in reader:
                    if None in row or None in row.values():
                        raise CountyError(name, reader.line_num, "the number of cells is wrong")
                    yield reader.line_num, {k: v.strip() for k, v in row.items()}
        except (OSError, UnicodeDecodeError) as wrong:
            raise CountyError(name, None, f"can't be read: {wrong}") from wrong

    def _yaml(self, name: str) -> Any:
        return read_yaml(self._folder / name)

    @staticmethod
    def _known(name: str, rows: Iterable[Any], column: str, codes: set[str]) -> None:
        for row in rows:
            value = getattr(row, column)
            if value is not None and value not in codes:
                raise CountyError(name, None, f"{column}: there is no {value!r}")

    @staticmethod
    def _one_adviser_each(advisers: tuple[Adviser, ...], towns: tuple[Town, ...]) -> None:
        served: dict[str, str] = {}
        for adviser in advisers:
            for town in adviser.towns:
                if town in served:
                    raise CountyError("advisers.csv", None, f"{town} has two advisers: {served[town]}, {adviser.login}")
                served[town] = adviser.login
        for place in towns:
            if place.code not in served:
                raise CountyError("advisers.csv", None, f"{place.name} has no adviser")


def _above_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _wrong_in_category(row: Mapping[str, Any]) -> str | None:
    """What is wrong with the fields of a category, in words; None if nothing is."""
    for name in ("code", "domain"):
        if not isinstance(row.get(name), str) or not row[name]:
            return f"{name} is missing or no text"
    called = row.get("name")
    if not isinstance(called, dict) or not all(isinstance(called.get(x), str) and called[x] for x in ("zh", "en")):
        return "name needs zh and en"
    told = row.get("examples", {})
    if not isinstance(told, dict) or not all(
        isinstance(lines, list) and all(isinstance(line, str) for line in lines) for lines in told.values()
    ):
        return "examples needs lists of texts under zh and en"
    if not isinstance(row.get("questions", []), list):
        return "questions must be a list"
    return None


def _codes(rows: Iterable[Any]) -> set[str]:
    return {row.code for row in rows}


def _many(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _maybe(cell: str) -> str | None:
    return cell or None
