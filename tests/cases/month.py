"""A month in which everything happens once: the cases of November 2026, told day by day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk
from tests.cases.conftest import Clock

ZONE = ZoneInfo("Asia/Shanghai")
START, END = datetime(2026, 11, 1, tzinfo=ZONE), datetime(2026, 12, 1, tzinfo=ZONE)
TOWN, VILLAGE = "430281004", "430281004212"
GRID = f"{VILLAGE}-01"
WHERE = {"town": TOWN, "village": VILLAGE, "grid": GRID}
CITY, HOUSING, POWER, DUTY = "urban-management", "housing", "power", "duty-desk"
ROLE = {
    "accept": "unit", "acknowledge": "unit", "return_case": "unit", "dispute": "unit", "answer": "unit",
    "escalate": "unit", "ask_extension": "unit", "rule": "leader", "supervise": "leader", "conclude": "adviser",
}  # fmt: skip
USUAL: dict[str, dict[str, Any]] = {
    "return_case": {"ground": "权责清单第 12 项"},
    "dispute": {"ground": "权责清单第 12 项"},
    "close": {"verified": "on_site"},
    "refuse": {"door": "court"},
}


class Story:
    """One desk, a clock that is put where the story needs it, and the cases by their letter."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk, self.clock, self.cases = desk, clock, dict[str, Case]()

    def at(self, day: str, hour: str) -> None:
        self.clock.now = datetime.fromisoformat(f"2026-{day}T{hour}:00").replace(tzinfo=ZONE)

    def file(self, name: str, day: str, hour: str, category: str | None, kind: str = "complaint", **more: Any) -> None:
        self.at(day, hour)
        resident = f"web:{name}"
        self.desk.hear(resident, "web", "你好", "r0")
        self.cases[name] = self.desk.file(Matter(resident, "k", kind, ("垃圾没人收。",), category, **more))

    def move(self, name: str, day: str, hour: str, code: str, role: str | None = None, **given: Any) -> None:
        self.at(day, hour)
        case = self.desk.case(self.cases[name].id)
        told = {"note": "说明", **USUAL.get(code, {}), **given}
        role = role or ROLE.get(code, "operator")
        self.cases[name] = self.desk.move(case.id, code, actor="a", role=role, version=case.version, **told)

    def by_resident(self, name: str, day: str, hour: str, what: Callable[..., Case], *words: Any) -> None:
        self.at(day, hour)
        self.cases[name] = what(self.cases[name].id, f"web:{name}", f"{day}T{hour}", *words)

    def watch(self, day: str, hour: str) -> None:
        self.at(day, hour)
        assert self.desk.watch() == 1


def november(desk: Desk, clock: Clock) -> Story:
    """Everything up to the end of the month."""
    story = Story(desk, clock)
    for tell in (_a, _c, _b, _d, _e, _f, _g, _h, _i, _j, _k):
        tell(story)
    story.at("12-01", "00:10")
    return story


def december(story: Story) -> None:
    """What happens to the same cases afterwards."""
    desk = story.desk
    story.by_resident("b", "12-01", "09:00", desk.reopen, "又坏了")
    story.by_resident("c", "12-02", "09:00", desk.rate, 4)
    story.at("12-03", "09:00")
    case = desk.case(story.cases["f"].id)
    desk.amend(case.id, actor="a", role="operator", version=case.version, town="430281003", village=None, grid=None)
    story.move("f", "12-03", "10:00", "dispatch", unit=POWER, category="urban.lamp")
    story.move("g", "12-03", "11:00", "accept")
    story.move("g", "12-03", "12:00", "extend", days=5)
    story.move("g", "12-04", "10:00", "answer")
    story.move("g", "12-04", "11:00", "close")
    story.by_resident("g", "12-04", "12:00", desk.rate, 5)
    story.move("k", "12-04", "13:00", "redo", unit=HOUSING)


def _a(story: Story) -> None:
    """Late in the grid, settled in the village, liked."""
    story.file("a", "11-02", "09:00", "urban.rubbish", **WHERE)
    story.move("a", "11-02", "09:30", "register")
    story.move("a", "11-02", "10:00", "dispatch")
    story.move("a", "11-02", "10:30", "accept")
    story.watch("11-03", "09:10")
    story.move("a", "11-03", "10:00", "accept")
    story.move("a", "11-03", "15:00", "answer")
    story.move("a", "11-03", "16:00", "close")
    story.by_resident("a", "11-03", "17:00", story.desk.rate, 5)


def _b(story: Story) -> None:
    """Returned, disputed, ruled, extended, not solved, late, disliked, done again, not rated."""
    story.file("b", "11-04", "09:00", "urban.lamp", town=TOWN)
    story.move("b", "11-04", "09:10", "register")
    story.move("b", "11-04", "09:30", "dispatch", unit=HOUSING)
    story.move("b", "11-04", "11:00", "return_case")
    story.move("b", "11-04", "14:00", "dispatch", unit=POWER)
    story.move("b", "11-05", "10:00", "dispute")
    story.move("b", "11-05", "15:00", "rule", unit=CITY)
    story.move("b", "11-06", "09:00", "accept")
    story.move("b", "11-09", "09:00", "ask_extension", days=2)
    story.move("b", "11-09", "10:00", "extend")
    story.move("b", "11-11", "10:00", "answer")
    story.move("b", "11-11", "14:00", "verify_failed")
    story.move("b", "11-17", "10:00", "answer")
    story.move("b", "11-17", "15:00", "close", verified="documents")
    story.by_resident("b", "11-18", "09:00", story.desk.rate, 1)
    story.move("b", "11-18", "10:00", "redo")
    story.move("b", "11-18", "11:00", "accept")
    story.move("b", "11-20", "10:00", "answer")
    story.move("b", "11-20", "11:00", "close")


def _c(story: Story) -> None:
    """An emergency on a Saturday night, heard after the alarm, rated by a follower only."""
    story.file("c", "11-07", "22:00", None, town=TOWN, emergency="fire")
    story.watch("11-07", "22:11")
    story.move("c", "11-07", "22:15", "acknowledge")
    story.at("11-07", "22:30")
    story.desk.hear("web:follower", "web", "你好", "r0")
    story.desk.join(story.cases["c"].id, "web:follower", "j", ("我也看见",))
    story.move("c", "11-07", "23:00", "answer")
    story.move("c", "11-07", "23:30", "close")
    story.desk.rate(story.cases["c"].id, "web:follower", "r", 1)


def _d(story: Story) -> None:
    """A consultation, just about liked."""
    story.file("d", "11-09", "09:00", None, kind="consultation", town=TOWN)
    story.move("d", "11-09", "11:00", "accept", role="adviser")
    story.move("d", "11-09", "14:00", "answer", role="adviser")
    story.move("d", "11-09", "15:00", "conclude")
    story.by_resident("d", "11-09", "16:00", story.desk.rate, 3)


def _e(story: Story) -> None:
    """Out of the grid's reach, suspended, withdrawn."""
    story.file("e", "11-10", "09:00", "rural.water", **WHERE)
    story.move("e", "11-10", "09:05", "register")
    story.move("e", "11-10", "09:10", "dispatch")
    story.move("e", "11-10", "09:20", "accept")
    story.move("e", "11-10", "10:00", "escalate")
    story.move("e", "11-10", "11:00", "accept")
    story.move("e", "11-10", "12:00", "suspend")
    story.move("e", "11-20", "09:00", "resume")
    story.by_resident("e", "11-20", "10:00", story.desk.withdraw, "修好了")


def _f(story: Story) -> None:
    """Never dispatched."""
    story.file("f", "11-11", "09:00", "rural.water", **WHERE)
    story.by_resident("f", "11-12", "09:00", story.desk.urge, "怎么没动静")
    story.move("f", "11-12", "10:00", "register")
    story.move("f", "11-12", "11:00", "supervise")


def _g(story: Story) -> None:
    """The first unit says nothing, the second neither."""
    story.file("g", "11-12", "09:00", "urban.rubbish", town=TOWN)
    story.move("g", "11-12", "09:10", "register")
    story.move("g", "11-12", "09:30", "dispatch", unit=CITY)
    story.move("g", "11-18", "10:00", "reassign", unit=HOUSING)


def _h(story: Story) -> None:
    """Not for this desk."""
    story.file("h", "11-13", "09:00", "urban.lamp", town=TOWN)
    story.move("h", "11-13", "10:00", "refuse")


def _i(story: Story) -> None:
    """The same matter as another."""
    story.file("i", "11-13", "11:00", "rural.water", **WHERE)
    story.move("i", "11-13", "12:00", "merge", into=story.cases["f"].number)


def _j(story: Story) -> None:
    """Closed in October, opened again in November, upheld."""
    story.file("j", "10-26", "09:00", "urban.rubbish", town=TOWN)
    story.move("j", "10-26", "09:10", "register")
    story.move("j", "10-26", "10:00", "dispatch", unit=CITY)
    story.move("j", "10-26", "11:00", "accept")
    story.move("j", "10-27", "10:00", "answer")
    story.move("j", "10-27", "11:00", "close")
    story.by_resident("j", "11-03", "09:00", story.desk.reopen, "又堆起来了")
    story.move("j", "11-03", "10:00", "uphold")


def _k(story: Story) -> None:
    """Begun in October, answered in November, disliked, still open."""
    story.file("k", "10-30", "09:00", "rural.water", town=TOWN, village=VILLAGE)
    story.move("k", "10-30", "09:10", "register")
    story.move("k", "10-30", "09:30", "dispatch")
    story.move("k", "11-02", "09:00", "accept")
    story.move("k", "11-02", "10:00", "answer")
    story.move("k", "11-02", "11:00", "close")
    story.by_resident("k", "11-02", "12:00", story.desk.rate, 2)


def adviser(county: County) -> str:
    """Login of the adviser of the town."""
    return county.adviser_for(TOWN).login
