"""When things are due: working days and hours of the county on the Chinese calendar, make-up days included."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

from cases.county import County
from cases.responsibilities import Limit


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


def ends(county: County, limit: Limit, start: datetime) -> datetime:
    """When a limit that starts now is over."""
    return (after_workhours if limit.unit == "h" else after_workdays)(county, start, limit.amount)


def worked(county: County, start: datetime, end: datetime) -> timedelta:
    """How much desk time lies between two moments; nothing if `end` is not after `start`."""
    zone = ZoneInfo(county.timezone)
    here, until, total = start.astimezone(zone), end.astimezone(zone), timedelta()
    opens, closes = open_hours(county)
    day = here.date()
    while day <= until.date():
        if is_workday(day):
            begins = max(here, datetime.combine(day, opens, tzinfo=zone))
            total += max(min(until, datetime.combine(day, closes, tzinfo=zone)) - begins, timedelta())
        day += timedelta(days=1)
    return total


def amber(county: County, start: datetime, due: datetime) -> datetime:
    """When a case turns amber: that share of its desk time has passed, or of the clock's where none is desk time."""
    share = county.limits["amber_share"]
    desk = worked(county, start, due)
    if not desk:
        return start + (due - start) * share
    return min(after_workhours(county, start, share * desk / timedelta(hours=1)), due)


def emergency_due(county: County, now: datetime) -> datetime:
    """By when an emergency must be dealt with, day or night."""
    return now + timedelta(hours=county.limits["emergency_hours"])


def adviser_due(county: County, urgent: bool, now: datetime) -> datetime:
    """By when an adviser must answer."""
    return after_workhours(county, now, county.limits["adviser_urgent_hours" if urgent else "adviser_hours"])


def desk_due(county: County, now: datetime) -> datetime:
    """By when the command centre must have dispatched what was reported or came back to it."""
    return after_workhours(county, now, county.limits["desk_hours"])
