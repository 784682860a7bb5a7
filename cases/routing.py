"""Who deals with a matter: the responsibility list and the place lead to a unit, a consultation to an adviser."""

from __future__ import annotations

from dataclasses import dataclass

from cases.county import County, CountyError
from cases.responsibilities import LEVELS, OF_THE_PLACE, Limit


@dataclass(frozen=True)
class Place:
    """Where a matter is, as codes of the county; None for what nobody knows."""

    town: str | None = None
    village: str | None = None
    grid: str | None = None


@dataclass(frozen=True)
class Stage:
    """One rung of the ladder that a matter climbs: who leads, who helps, how long it may take there."""

    level: str
    unit: str
    support: tuple[str, ...]
    limit: Limit
    urgent: Limit


def ladder(county: County, category: str | None, place: Place) -> tuple[Stage, ...]:
    """Who may settle the matter, lowest level first; levels whose place nobody knows are left out.

    What no list covers goes to the town, then to the command centre. The last rung is always there.
    """
    usual = Limit(county.limits["days"], "d")
    centre = Stage("city", county.centre, (), usual, usual)
    if category is None:
        town = unit_of_place(county, "town", place)
        return (Stage("town", town, (), usual, usual), centre) if town else (centre,)
    rungs = []
    for duty in county.duties.get(category, ()):
        unit = unit_of_place(county, duty.lead, place)
        if unit is not None:
            help_ = (unit_of_place(county, code, place) for code in duty.support)
            support = tuple(dict.fromkeys(code for code in help_ if code and code != unit))
            rungs.append(Stage(duty.level, unit, support, duty.limit, duty.urgent))
    return tuple(rungs) if rungs and rungs[-1].level == "city" else (*rungs, centre)


def first(county: County, category: str | None, place: Place) -> Stage:
    """The lowest level that can settle the matter."""
    return ladder(county, category, place)[0]


def stage_of(county: County, category: str | None, place: Place, unit: str) -> Stage:
    """The rung of a unit that was named; one that stands on none has the county's usual limit."""
    level, usual = county.unit(unit).level, Limit(county.limits["days"], "d")
    found = next((s for s in ladder(county, category, place) if s.unit == unit), None)
    return found or Stage(level, unit, (), usual, usual)


def above(county: County, category: str | None, place: Place, level: str | None) -> Stage | None:
    """The next rung over `level`, or None at the top (and where nobody has the case yet)."""
    if level is None:
        return None
    reached = LEVELS.index(level)
    return next((s for s in ladder(county, category, place) if LEVELS.index(s.level) > reached), None)


def unit_of_place(county: County, lead: str, place: Place) -> str | None:
    """The code of a unit: `lead` itself, or the unit of the place where `lead` is a level; None without that place."""
    if lead not in OF_THE_PLACE:
        return lead
    if lead == "town":
        return next((u.code for u in county.units if place.town and u.town_code == place.town), None)
    code = place.village if lead == "village" else place.grid
    return code if code and county.has_unit(code) else None


def adviser_for(county: County, place: Place) -> str | None:
    """Login of the adviser of the grid or town; None when the place is unknown or the county names nobody."""
    code = place.grid or place.town
    if code is None:
        return None
    try:
        return county.adviser_for(code).login
    except (LookupError, CountyError):
        return None
