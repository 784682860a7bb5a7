"""Working days and desk hours on the Chinese calendar."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cases import limits
from cases.county import County

ZONE = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-24 10:00", 3, "2026-11-27 17:30"),
        ("2026-11-27 10:00", 1, "2026-11-30 17:30"),
        ("2026-09-30 10:00", 1, "2026-10-08 17:30"),  # the National Day holiday
    ],
)
def test_a_limit_in_days_passes_over_weekends_and_holidays(county: County, start: str, days: int, end: str) -> None:
    assert limits.after_workdays(county, at(start), days) == at(end)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-24 10:00", 4, "2026-11-24 14:00"),
        ("2026-11-24 16:30", 4, "2026-11-25 11:30"),
        ("2026-11-27 17:00", 1, "2026-11-30 09:00"),
        ("2026-11-28 03:00", 2, "2026-11-30 10:30"),
    ],
)
def test_a_limit_in_hours_counts_desk_time_only(county: County, start: str, hours: float, end: str) -> None:
    assert limits.after_workhours(county, at(start), hours) == at(end)


@pytest.mark.parametrize(
    ("moment", "open_"),
    [("2026-11-24 08:29", False), ("2026-11-24 08:30", True), ("2026-11-24 17:30", False), ("2026-11-28 10:00", False)],
)
def test_the_desk_is_staffed_in_its_hours_only(county: County, moment: str, open_: bool) -> None:
    assert limits.staffed(county, at(moment)) is open_
