"""Who deals with a matter: category and place lead to a unit, a consultation to the adviser of the place."""

from __future__ import annotations

from cases.county import County, CountyError

TOWN_LEVEL = "town"


def unit_for(county: County, category: str | None, town: str | None) -> str:
    """Code of the unit by the county's responsibility list; what no list covers goes to the command centre."""
    if category:
        unit = county.category(category).unit
        if unit == TOWN_LEVEL:
            return town_unit(county, town) or county.centre
        return unit
    return town_unit(county, town) or county.centre


def town_unit(county: County, town: str | None) -> str | None:
    """The unit of the town itself."""
    return next((u.code for u in county.units if town and u.town_code == town), None)


def adviser_for(county: County, grid: str | None, town: str | None) -> str | None:
    """Login of the adviser of the grid or town; None when the place is unknown or the county names nobody."""
    place = grid or town
    if place is None:
        return None
    try:
        return county.adviser_for(place).login
    except (LookupError, CountyError):
        return None
