"""A report as a person reads it: named rows and columns in one language, the same for the page and the workbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cases.county import County
from cases.reports import MEANS, RATES, Counts, Report, value

LANGUAGES = ("zh", "en")
AMBER, RED = "amber", "red"


@dataclass(frozen=True)
class Figure:
    """A column. `kind` is count, rate or mean; `high_is_bad` turns the marks round."""

    code: str
    name: Mapping[str, str]
    means: Mapping[str, str]
    on_page: bool
    amber: float | None
    red: float | None
    high_is_bad: bool

    @property
    def kind(self) -> str:
        """How it is written."""
        return "rate" if self.code in RATES else "mean" if self.code in MEANS else "count"

    def mark(self, found: float | None) -> str | None:
        """Red, amber, or None for what is well or not to be judged."""
        if found is None:
            return None
        for mark, at in ((RED, self.red), (AMBER, self.amber)):
            if at is not None and (found > at if self.high_is_bad else found < at):
                return mark
        return None


@dataclass(frozen=True)
class Cell:
    """A figure of a row; `of` is what a rate is of: (counts over, counts under)."""

    figure: Figure
    value: int | float | None
    of: tuple[int, int] | None

    @property
    def mark(self) -> str | None:
        """Red, amber or None."""
        return self.figure.mark(self.value)


@dataclass(frozen=True)
class Row:
    """A line of a view; `code` is None for the total and "" for what has none."""

    code: str | None
    name: str
    cells: tuple[Cell, ...]


class ReportWords:
    """The words of reports, from reports.yml."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        """`words` as the file holds them."""
        self.periods: Mapping[str, Mapping[str, str]] = words["periods"]
        self.views: Mapping[str, Mapping[str, str]] = words["views"]
        self.title: Mapping[str, str] = words["title"]
        self.rules: list[Mapping[str, str]] = words["rules"]
        self._words, self._none, self._levels = words["words"], words["none"], words["levels"]
        self.figures = tuple(_figure(code, told) for code, told in words["figures"].items())

    @classmethod
    @cache
    def load(cls) -> ReportWords:
        """Read once."""
        path = Path(__file__).with_name("reports.yml")
        return cls(yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))

    def word(self, code: str, language: str) -> str:
        """A word of the frame."""
        return str(self._words[code][language])

    def row_name(self, county: County, view: str, code: str, language: str) -> str:
        """What a row of a view is called; a code that the county no longer knows is shown as it is."""
        if not code:
            return str(self._none[view][language])
        if view == "levels":
            return str(self._levels[code][language])
        try:
            return _name(county, view, code, language)
        except LookupError:
            return code


def rows(
    report: Report, county: County, view: str, language: str, words: ReportWords, page_only: bool = False
) -> list[Row]:
    """The total, then the rows of a view: units and categories by how much was sent to them, places by code."""
    figures = [f for f in words.figures if f.on_page or not page_only]
    held = report.views[view]
    codes = sorted(held)
    if view in ("units", "categories"):
        codes.sort(key=lambda code: -held[code].get("sent", 0))
    named = [(code, words.row_name(county, view, code, language)) for code in codes]
    total = Row(None, words.word("total", language), _cells(figures, report.total))
    return [total, *(Row(code, name, _cells(figures, held[code])) for code, name in named)]


def written(cell: Cell) -> str:
    """A figure as text: 12, 93.5 %, 1.25; a dash where there was nothing to count."""
    if cell.value is None:
        return "—"
    if cell.figure.kind == "count":
        return str(cell.value)
    return f"{100 * cell.value:.1f}%" if cell.figure.kind == "rate" else f"{cell.value:.2f}"


def _cells(figures: list[Figure], counts: Counts) -> tuple[Cell, ...]:
    return tuple(Cell(f, value(counts, f.code), _of(counts, f.code)) for f in figures)


def _of(counts: Counts, code: str) -> tuple[int, int] | None:
    if code not in RATES:
        return None
    over, under = (sum(counts.get(name, 0) for name in names) for names in RATES[code])
    return over, under


def _figure(code: str, told: Mapping[str, Any]) -> Figure:
    words = {language: str(told[language]) for language in LANGUAGES}
    amber, red = (float(told[mark]) if mark in told else None for mark in (AMBER, RED))
    return Figure(code, words, told["means"], bool(told.get("page")), amber, red, told.get("high") == "bad")


def _name(county: County, view: str, code: str, language: str) -> str:
    """Grids have a Chinese name only, persons one name. Raises LookupError."""
    if view == "categories":
        return str(county.category(code).name[language])
    if view == "grids":
        return county.grid(code).name
    if view == "units" and not county.has_unit(code):
        return next((m.name for m in county.advisers if m.login == code), code)
    found = county.unit(code) if view == "units" else county.town(code)
    return found.name if language == "zh" else found.name_en
