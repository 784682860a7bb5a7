"""Draws rates over periods, and shares of a whole, as numbers that an SVG without styles or scripts can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cases.report_table import ReportWords
from cases.reports import Report, value
from cases.responsibilities import LEVELS

#: rates that are drawn, each in a class of its own
TREND = ("response", "in_time_rate", "resolution", "satisfaction")


@dataclass(frozen=True)
class Frame:
    """Size of the drawing and the margins in which the scale stands."""

    width: int = 720
    height: int = 190
    left: int = 48
    right: int = 20
    above: int = 12
    below: int = 14

    def x(self, number: int, of: int) -> float:
        """Where the `number`-th of `of` periods stands; a single one stands in the middle."""
        room = self.width - self.left - self.right
        return round(self.left + room * (number / (of - 1) if of > 1 else 0.5), 1)

    def y(self, rate: float) -> float:
        """Where a rate (0 to 1) stands."""
        return round(self.above + (self.height - self.above - self.below) * (1 - rate), 1)


FRAME = Frame()


@dataclass(frozen=True)
class Dot:
    """One rate of one period."""

    x: float
    y: float
    rate: float


@dataclass(frozen=True)
class Line:
    """A rate over time: polylines of what hangs together (a period without the rate breaks it), and its dots."""

    code: str
    name: str
    stretches: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Share:
    """A part of a bar as wide as the frame: what it is of, where it begins, how wide it is."""

    code: str
    x: float
    width: float
    many: int
    share: float


def lines(past: Sequence[Report], words: ReportWords, language: str) -> list[Line]:
    """The rates of TREND over reports, oldest first."""
    names = {figure.code: figure.name[language] for figure in words.figures}
    return [_line(code, names[code], [value(report.total, code) for report in past]) for code in TREND]


def shares(counts: Mapping[str, int]) -> list[Share]:
    """Closed cases by the level that settled them; empty where none was."""
    many = {level: counts.get(f"settled_{level}", 0) for level in LEVELS}
    total, found, at = sum(many.values()), [], 0.0
    for level, number in many.items():
        if number:
            width = FRAME.width * number / total
            found.append(Share(level, round(at, 1), round(width, 1), number, number / total))
            at += width
    return found


def _line(code: str, name: str, rates: Sequence[float | None]) -> Line:
    stretches: list[list[Dot]] = [[]]
    for number, rate in enumerate(rates):
        if rate is None:
            stretches.append([])
        else:
            stretches[-1].append(Dot(FRAME.x(number, len(rates)), FRAME.y(rate), rate))
    drawn = tuple(" ".join(f"{dot.x},{dot.y}" for dot in dots) for dots in stretches if len(dots) > 1)
    return Line(code, name, drawn, tuple(dot for dots in stretches for dot in dots))
