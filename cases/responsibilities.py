"""The responsibility list (权责清单): per category and level who leads, who helps, and how long it may take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: lowest first: small matters end in the village, large ones in the town
LEVELS = ("grid", "village", "town", "city")
#: a `lead` that means whoever serves the place of the matter at that level
OF_THE_PLACE = LEVELS[:3]
LIMIT = re.compile(r"(\d+(?:\.\d+)?)([hd])")


@dataclass(frozen=True)
class Limit:
    """How long something may take: `amount` of working hours ("h") or working days ("d")."""

    amount: float
    unit: str

    @classmethod
    def read(cls, text: str) -> Limit:
        """From "8h" or "3d". Raises ValueError for anything else."""
        found = LIMIT.fullmatch(text.strip())
        if found is None or float(found.group(1)) <= 0:
            raise ValueError(f"{text!r} is no limit; write working hours as 8h or working days as 3d")
        return cls(float(found.group(1)), found.group(2))


@dataclass(frozen=True)
class Duty:
    """One line of the list. `lead` is a unit's code, or a level for the unit of the place; `support` units' codes."""

    category: str
    level: str
    lead: str
    support: tuple[str, ...]
    limit: Limit
    urgent: Limit


class WrongDuty(ValueError):
    """A line of the list is wrong; the text says what."""


def duty_of(row: dict[str, str], categories: set[str], units: set[str]) -> Duty:
    """A line as read from a table. Raises WrongDuty."""
    if row["category"] not in categories:
        raise WrongDuty(f"category: there is no {row['category']!r}")
    if row["level"] not in LEVELS:
        raise WrongDuty(f"level: {row['level']!r} is none of {', '.join(LEVELS)}")
    support = tuple(code.strip() for code in row["support"].split(";") if code.strip())
    for code in (row["lead"], *support):
        if code not in units and code not in OF_THE_PLACE:
            raise WrongDuty(f"there is no unit {code!r}")
    try:
        limit, urgent = Limit.read(row["limit"]), Limit.read(row["urgent_limit"] or row["limit"])
    except ValueError as wrong:
        raise WrongDuty(str(wrong)) from wrong
    return Duty(row["category"], row["level"], row["lead"], support, limit, urgent)


def by_category(duties: Iterable[Duty]) -> dict[str, tuple[Duty, ...]]:
    """Each category's lines, lowest level first. Raises WrongDuty where a level stands there twice."""
    found: dict[str, dict[str, Duty]] = {}
    for duty in duties:
        if duty.level in found.setdefault(duty.category, {}):
            raise WrongDuty(f"{duty.category}: level {duty.level} stands there twice")
        found[duty.category][duty.level] = duty
    return {code: tuple(sorted(of.values(), key=lambda d: LEVELS.index(d.level))) for code, of in found.items()}
