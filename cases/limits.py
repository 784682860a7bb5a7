"""When things are due: working days and hours of the county on the Chinese calendar, make-up days included."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

from cases.county import County


def is_workday(day: date) -> bool:
    """On the official calendar; for a year it doesn't know yet, Monday to Friday."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def open_hours(county: County) -> tuple[time, time]:
    """From when to when the desk works on a working day."""
    return county.opens, county.closes


def staffed(county: County, now: datetime) -> bool:
    """Whether the desk works at this moment."""
    local = now.astimezone(ZoneInfo(county.timezone))
    opens, closes = open_hours(county)
    return is_workday(local.date()) and opens <= local.time() < closes


def after_workdays(county: County, start: datetime, days: float) -> datetime:
    """End of the `days`-th working day after `start`; part of a day counts as one."""
    local = start.astimezone(ZoneInfo(county.timezone))
    day = local.date()
    while days > 0:
        day += timedelta(days=1)
        days -= is_workday(day)
    return datetime.combine(day, county.closes, tzinfo=ZoneInfo(county.timezone))


def after_workhours(county: County, start: datetime, hours: float) -> datetime:
    """The moment when `hours` of desk time have passed since `start`."""
    zone = ZoneInfo(county.timezone)
    local, left = start.astimezone(zone), timedelta(hours=hours)
    opens, closes = open_hours(county)
    while True:
        begins = max(local, datetime.combine(local.date(), opens, tzinfo=zone))
        ends = datetime.combine(local.date(), closes, tzinfo=zone)
        if is_workday(local.date()) and begins < ends:
            if begins + left <= ends:
                return begins + left
            left -= ends - begins
        local = datetime.combine(local.date() + timedelta(days=1), time(0), tzinfo=zone)


def due(
    county: County, kind: str, category: str | None, emergency: str | None, signals: tuple[str, ...], now: datetime
) -> datetime:
    """By when a case must be answered, counted from `now` (filing for the desk, dispatch for the unit)."""
    if emergency:
        return now + timedelta(hours=county.limits["emergency_hours"])
    if kind == "consultation":
        hours = county.limits["adviser_urgent_hours" if "urgent" in signals else "adviser_hours"]
        return after_workhours(county, now, hours)
    days = county.category(category).limit_days if category else county.limits["days"]
    return after_workdays(county, now, days)
