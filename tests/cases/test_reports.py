"""Assessment figures: a month counted by hand, and that they come out the same whenever and in whatever order."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.assessment import COUNTS, TELLS, Life, Step
from cases.case import Matter
from cases.county import County
from cases.desk import Desk, Refused
from cases.lifecycle import MOVES, RUNNING, TABLE, Standing, allowed
from cases.report_book import file_name, workbook
from cases.report_table import ReportWords, rows, written
from cases.reports import MEANS, RATES, VIEWS, Facts, Report, Told, tally, told_cases, value
from cases.shield import Shield
from cases.store import Store, cases, events, metadata
from cases.stored_reports import (
    PERIODS,
    check_reports,
    due_reports,
    keep_report,
    last_over,
    report_of,
    reports,
    span,
    stored_reports,
)
from tests.cases.conftest import Clock
from tests.cases.month import (
    CITY,
    DUTY,
    END,
    GRID,
    HOUSING,
    POWER,
    START,
    TOWN,
    VILLAGE,
    ZONE,
    Story,
    adviser,
    december,
    november,
)

#: counted by hand from the story in month.py
TOTAL = {
    "filed": 9, "refused": 1, "merged": 1, "withdrawn": 1, "supervised": 1, "urged": 1, "suspended": 1,
    "desk_due": 14, "desk_in_time": 12, "sent": 12, "held": 13, "respond_due": 13, "responded": 11,
    "signed": 9, "signed_seconds": 342_900, "limits": 10, "in_time": 6, "late": 4, "extensions_asked": 1,
    "extensions": 1, "returned": 2, "disputed": 1, "reassigned": 1, "escalated": 1, "climbed": 1,
    "first_judged": 5, "first_right": 3, "answered": 7, "judged": 8, "solved": 5, "closed": 6,
    "settled_village": 2, "settled_city": 3, "returns_before": 2, "redone": 2, "reopened": 3, "upheld": 1,
    "rated": 4, "satisfied": 2, "dissatisfied": 2, "unrated": 2, "emergencies": 1, "alarms": 1, "hear_due": 1,
    "heard": 1, "heard_seconds": 900, "open": 3, "overdue": 3,
}  # fmt: skip
UNITS = {
    "": {
        "filed": 9, "refused": 1, "merged": 1, "supervised": 1, "urged": 1, "desk_due": 14, "desk_in_time": 12,
        "open": 2, "overdue": 2,
    },
    GRID: {
        "sent": 2, "held": 2, "respond_due": 2, "responded": 2, "signed": 2, "signed_seconds": 2400, "limits": 1,
        "late": 1, "climbed": 1, "escalated": 1, "first_judged": 1, "first_right": 1,
    },
    VILLAGE: {
        "sent": 2, "held": 3, "respond_due": 3, "responded": 3, "signed": 3, "signed_seconds": 264_000, "limits": 2,
        "in_time": 2, "suspended": 1, "withdrawn": 1, "first_judged": 1, "first_right": 1, "answered": 2, "judged": 2,
        "solved": 1, "closed": 2, "settled_village": 2, "reopened": 1, "rated": 2, "satisfied": 1, "dissatisfied": 1,
    },
    CITY: {
        "sent": 3, "held": 3, "respond_due": 3, "responded": 2, "signed": 2, "signed_seconds": 68_400, "limits": 4,
        "in_time": 2, "late": 2, "extensions_asked": 1, "extensions": 1, "reassigned": 1, "first_judged": 1,
        "answered": 3, "judged": 4, "solved": 2, "closed": 2, "settled_city": 2, "returns_before": 2, "redone": 2,
        "reopened": 2, "upheld": 1, "rated": 1, "dissatisfied": 1, "unrated": 1,
    },
    HOUSING: {
        "sent": 2, "held": 2, "respond_due": 2, "responded": 1, "limits": 1, "late": 1, "returned": 1,
        "first_judged": 1, "open": 1, "overdue": 1,
    },
    POWER: {"sent": 1, "held": 1, "respond_due": 1, "responded": 1, "returned": 1, "disputed": 1},
    DUTY: {
        "sent": 1, "held": 1, "respond_due": 1, "responded": 1, "signed": 1, "signed_seconds": 900, "limits": 1,
        "in_time": 1, "answered": 1, "judged": 1, "solved": 1, "closed": 1, "settled_city": 1, "unrated": 1,
        "emergencies": 1, "alarms": 1, "hear_due": 1, "heard": 1, "heard_seconds": 900,
    },
}  # fmt: skip
CONSULTED = {
    "sent": 1, "held": 1, "respond_due": 1, "responded": 1, "signed": 1, "signed_seconds": 7200, "limits": 1,
    "in_time": 1, "first_judged": 1, "first_right": 1, "answered": 1, "judged": 1, "solved": 1, "closed": 1,
    "rated": 1, "satisfied": 1,
}  # fmt: skip
FIGURES = {
    "response": 11 / 13, "in_time_rate": 6 / 10, "resolution": 5 / 8, "satisfaction": 2 / 4, "prompt": 12 / 14,
    "first_dispatch": 3 / 5, "return_rate": 2 / 13, "heard_rate": 0.0, "village_share": 2 / 5, "town_share": 2 / 5,
    "returns_per_case": 2 / 6, "hours_to_sign": 342_900 / 9 / 3600, "minutes_to_hear": 15.0,
}  # fmt: skip


Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="session")
def told_month(county: County, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, dict[str, int]]:
    """The rows of a store in which the month has happened, and the ids of its cases: it takes long to tell."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('month') / 'minhu.db'}")
    store.migrate()
    clock = Clock()
    story = november(Desk(store, county, clock, Shield("test secret")), clock)
    with store.read() as read:
        rows = {t.name: [dict(r) for r in read.execute(sa.select(t)).mappings()] for t in metadata.sorted_tables}
    return rows, {name: case.id for name, case in story.cases.items()}


@pytest.fixture
def month(desk: Desk, clock: Clock, told_month: tuple[Rows, dict[str, int]]) -> Story:
    """The month at this test's desk, ten minutes after its end."""
    rows, ids = told_month
    with desk.store.write() as write:
        for table in reversed(metadata.sorted_tables):
            write.execute(table.delete())
        for table in metadata.sorted_tables:
            if rows[table.name]:
                write.execute(table.insert(), rows[table.name])
                if not desk.store.on_sqlite and "id" in table.c and table.c.id.autoincrement is True:
                    counter = sa.func.pg_get_serial_sequence(table.name, "id")
                    write.execute(sa.select(sa.func.setval(counter, sa.func.max(table.c.id))))
    story = Story(desk, clock)
    story.cases = {name: desk.case(id_) for name, id_ in ids.items()}
    story.at("12-01", "00:10")
    desk.hear("web:1", "web", "你好", "r0")
    return story


def computed(desk: Desk, start: datetime = START, end: datetime = END) -> Report:
    with desk.store.read() as read:
        return Report.compute(read, desk.county, start, end)


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_month_with_every_way_back_comes_out_as_counted_by_hand(desk: Desk, clock: Clock) -> None:
    november(desk, clock)
    report = computed(desk)
    assert report.total == dict(sorted(TOTAL.items()))
    assert report.views["units"] == {**UNITS, adviser(desk.county): CONSULTED}
    assert {code: value(report.total, code) for code in FIGURES} == pytest.approx(FIGURES)
    assert set(FIGURES) == set(RATES) | set(MEANS)


def test_the_same_month_by_level_town_grid_and_category(desk: Desk, clock: Clock, month: Story) -> None:
    views = computed(desk).views
    sent = {view: {c: f["sent"] for c, f in views[view].items() if "sent" in f} for view in VIEWS}
    assert sent["levels"] == {"grid": 2, "village": 2, "city": 7, "adviser": 1}
    assert views["levels"][""] == UNITS[""]
    assert sent["towns"] == {TOWN: 12}
    assert sent["grids"] == {GRID: 4, "": 8}
    assert sent["categories"] == {"urban.rubbish": 4, "urban.lamp": 4, "rural.water": 2, "": 2}
    standing = {code: counts["open"] for code, counts in views["categories"].items() if "open" in counts}
    assert standing == {"rural.water": 2, "urban.rubbish": 1}


def test_each_day_counts_what_happened_on_it_and_the_days_add_up_to_the_month(
    desk: Desk, clock: Clock, month: Story
) -> None:
    days = [computed(desk, START + timedelta(days=n), START + timedelta(days=n + 1)).total for n in range(30)]
    for count in set(TOTAL) - BY_PERIOD:
        assert sum(day.get(count, 0) for day in days) == TOTAL[count], count
    assert (days[2].get("late"), days[15].get("late"), days[16].get("late"), days[26].get("late")) == (1, 1, 1, 1)


def test_a_late_answer_is_booked_to_the_unit_that_had_it_when_the_limit_passed(
    desk: Desk, clock: Clock, month: Story
) -> None:
    units = computed(desk).views["units"]
    assert (units[GRID]["late"], "late" in units[VILLAGE]) == (1, False)
    assert units[CITY]["reassigned"] == 1 and units[HOUSING]["late"] == 1


def test_who_did_not_rate_is_counted_apart_and_never_as_satisfied(desk: Desk, clock: Clock, month: Story) -> None:
    story = month
    before = computed(desk)
    assert (before.views["units"][DUTY]["unrated"], value(before.views["units"][DUTY], "satisfaction")) == (1, None)
    december(story)
    later = computed(desk, END, datetime(2027, 1, 1, tzinfo=ZONE)).views["units"][DUTY]
    assert (later["satisfied"], "unrated" in later) == (1, False)


def test_an_answer_of_another_system_counts_like_a_units_and_is_the_desks_where_no_unit_had_the_case(
    desk: Desk, clock: Clock
) -> None:
    clock.now = datetime(2026, 11, 16, 9, tzinfo=ZONE)
    sent, waiting = (desk.file(Matter("web:1", k, "complaint", ("路灯坏了",), "urban.lamp")) for k in "ab")
    for code, case in (("register", sent), ("dispatch", sent), ("register", waiting)):
        given = {"unit": CITY} if code == "dispatch" else {}
        desk.move(case.id, code, actor="a", role="operator", version=desk.case(case.id).version, **given)
    for case in (sent, waiting):
        version = desk.case(case.id).version
        desk.move(case.id, "outside_answer", actor="open311", role="system", version=version, note="已修好")
        version = desk.case(case.id).version
        desk.move(case.id, "close", actor="a", role="operator", version=version, verified="photo")
    units = computed(desk).views["units"]
    told = ("answered", "limits", "in_time", "responded", "solved", "unrated", "first_right")
    assert {name: units[CITY].get(name) for name in told} == dict.fromkeys(told, 1)
    counted = {name: units[""].get(name) for name in ("filed", "desk_due", "desk_in_time", "answered", "limits")}
    assert counted == {"filed": 2, "desk_due": 2, "desk_in_time": 2, "answered": 1, "limits": None}


def test_an_extension_after_the_limit_takes_nothing_back(desk: Desk, clock: Clock, month: Story) -> None:
    story = month
    december(story)
    housing = computed(desk, START, datetime(2026, 12, 4, 20, tzinfo=ZONE)).views["units"][HOUSING]
    assert (housing["late"], housing["limits"], housing["answered"], "in_time" in housing) == (1, 1, 1, False)
    assert housing["extensions"] == 1


# --- the same whenever -----------------------------------------------------------------------------------------------


def test_a_past_month_is_the_same_after_its_cases_moved_on(desk: Desk, clock: Clock, month: Story) -> None:
    story = month
    then = computed(desk)
    december(story)
    assert desk.case(story.cases["f"].id).town != TOWN and desk.case(story.cases["f"].id).category == "urban.lamp"
    assert computed(desk) == then


def test_a_place_told_later_is_not_that_of_an_earlier_month(desk: Desk, clock: Clock, month: Story) -> None:
    clock.now = datetime(2026, 11, 29, 10, tzinfo=ZONE)
    case = desk.file(Matter("web:1", "k", "complaint", ("路灯坏了",)))
    then = computed(desk)
    assert then.views["towns"][""]["filed"] == 1
    clock.now = datetime(2026, 12, 2, 10, tzinfo=ZONE)
    desk.add_words(case.id, "web:1", "p", "在国瓷街道", {"town": TOWN})
    assert computed(desk) == then


def test_names_words_and_notes_go_into_no_report(desk: Desk, clock: Clock, month: Story) -> None:
    then = computed(desk)
    with desk.store.write() as write:
        write.execute(events.update().values(note=None, actor="erased"))
        write.execute(cases.update().values(words=["-"], contact_sealed=None))
    assert computed(desk) == then


def test_cases_are_streamed_and_those_of_no_concern_are_left_out(desk: Desk, clock: Clock, month: Story) -> None:
    story = month
    with desk.store.read() as read:
        streamed = told_cases(read, datetime(2026, 11, 30, tzinfo=ZONE), END)
        assert isinstance(streamed, Iterator)
        assert {told.case_id for told in streamed} == {story.cases[name].id for name in "fgk"}


@pytest.mark.parametrize(("start", "end"), [(START, START), (END, START), (datetime(2026, 11, 1), END)])
def test_what_is_no_period_is_refused(desk: Desk, start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="no period"):
        computed(desk, start, end)


# --- stored ----------------------------------------------------------------------------------------------------------


def test_periods_begin_at_midnight_in_the_county_and_weeks_on_monday(county: County) -> None:
    day = date(2026, 11, 18)
    assert [span(county, period, day) for period in PERIODS] == [
        (datetime(2026, 11, 18, tzinfo=ZONE), datetime(2026, 11, 19, tzinfo=ZONE)),
        (datetime(2026, 11, 16, tzinfo=ZONE), datetime(2026, 11, 23, tzinfo=ZONE)),
        (START, END),
    ]
    assert span(county, "monthly", date(2026, 12, 31))[1] == datetime(2027, 1, 1, tzinfo=ZONE)
    with pytest.raises(ValueError, match="yearly"):
        span(county, "yearly", day)


def test_a_report_is_stored_once_its_period_is_over_and_settled(desk: Desk, clock: Clock, month: Story) -> None:
    clock.now = datetime(2026, 12, 1, 0, 4, tzinfo=ZONE)
    assert last_over(desk.county, "monthly", clock.now) == date(2026, 10, 1)
    assert due_reports(desk.store, desk.county, clock) == 3
    clock.now = datetime(2026, 12, 1, 0, 6, tzinfo=ZONE)
    assert (due_reports(desk.store, desk.county, clock), due_reports(desk.store, desk.county, clock)) == (2, 0)
    kept = {period: stored_reports(desk.store, period, clock())[-1] for period in PERIODS}
    assert kept["monthly"] == computed(desk) and kept["monthly"].total == dict(sorted(TOTAL.items()))
    assert kept["daily"].start == datetime(2026, 11, 30, tzinfo=ZONE)
    assert kept["weekly"].start == datetime(2026, 11, 23, tzinfo=ZONE)


def test_what_was_missed_while_nothing_ran_is_made_up_for(desk: Desk, clock: Clock, month: Story) -> None:
    due_reports(desk.store, desk.county, clock)
    clock.move(days=9)
    assert due_reports(desk.store, desk.county, clock) == 10
    starts = [r.start for r in stored_reports(desk.store, "daily", clock())]
    assert starts == [datetime(2026, 11, 30, tzinfo=ZONE) + timedelta(days=n) for n in range(10)]


def test_two_relays_store_a_report_once(desk: Desk, clock: Clock, month: Story) -> None:
    for _ in range(2):
        keep_report(desk.store, desk.county, "monthly", date(2026, 11, 5), clock())
    with desk.store.read() as read:
        assert read.execute(sa.select(sa.func.count()).select_from(reports)).scalar_one() == 1


def test_of_a_running_period_only_what_happened_is_told_and_nothing_stored(
    desk: Desk, clock: Clock, month: Story
) -> None:
    now = datetime(2026, 11, 10, 8, tzinfo=ZONE)
    running = keep_report(desk.store, desk.county, "monthly", now.date(), now)
    assert running == computed(desk, START, now) and stored_reports(desk.store, "monthly", clock()) == []
    with pytest.raises(ValueError, match="not here yet"):
        report_of(desk.store, desk.county, "monthly", date(2026, 12, 1), now)


def test_stored_reports_come_out_the_same_and_what_was_tampered_with_is_told(
    desk: Desk, clock: Clock, month: Story
) -> None:
    story = month
    due_reports(desk.store, desk.county, clock)
    december(story)
    assert list(check_reports(desk.store, desk.county)) == []
    monthly = reports.c.period == "monthly"
    with desk.store.write() as write:
        figures = write.execute(sa.select(reports.c.figures).where(monthly)).scalar_one()
        figures["units"][HOUSING]["late"] = 0
        write.execute(reports.update().where(monthly).values(figures=figures))
    told = list(check_reports(desk.store, desk.county))
    assert [(d.period, d.view, d.code, d.count, d.stored, d.now) for d in told] == [
        ("monthly", "units", HOUSING, "late", 0, 1)
    ]


def test_a_changed_event_is_told_even_where_no_figure_moves(desk: Desk, clock: Clock, month: Story) -> None:
    story = month
    due_reports(desk.store, desk.county, clock)
    register = sa.and_(events.c.case_id == story.cases["a"].id, events.c.move == "register")
    with desk.store.write() as write:
        write.execute(events.update().where(register).values(role="administrator"))
    assert [(d.period, d.view) for d in check_reports(desk.store, desk.county)] == [("monthly", "inputs")]


# --- any walk through the table --------------------------------------------------------------------------------------

#: counts that belong to a period as a whole: its days don't add up to them
BY_PERIOD = {"held", "judged", "solved", "rated", "satisfied", "dissatisfied", "unrated", "open", "overdue", "unheard"}
HANDS = [("u-grid", "grid"), ("u-village", "village"), ("u-town", "town"), ("u-city", "city"), ("u-other", "city")]
MONDAY = datetime(2026, 11, 2, tzinfo=timezone.utc)


@st.composite
def walks(draw: st.DrawFn) -> Told:
    """A case that takes any moves of the table, with the details that the desk would give them."""
    emergency, kind = draw(st.booleans()), draw(st.sampled_from(("complaint", "consultation")))
    status, at = "reported", MONDAY + timedelta(hours=draw(st.integers(-200, 200)))
    steps = [_step(1, "file", None, status, at, {"due_at": _due(draw, at)})]
    for seq in range(2, draw(st.integers(2, 25))):
        told = {f: draw(st.booleans()) for f in STANDING}
        standing = Standing(**told, emergency=emergency, returns=draw(st.integers(0, 1)))
        found = [(m, r) for r in ROLES for m in allowed(status, r, kind, standing)]
        move, role = draw(st.sampled_from(found))
        at += timedelta(minutes=draw(st.integers(0, 6000)))
        after = move.after or status
        steps.append(_step(seq, move.code, status, after, at, _detail(draw, move.code, at), role))
        status = after
    facts = Facts(*(draw(st.sampled_from(("", "x", "y"))) for _ in range(3)), emergency=emergency)
    return Told(draw(st.integers(1, 10**6)), facts, tuple(steps))


ROLES = ("operator", "unit", "adviser", "leader", "resident", "system")
STANDING = ("ruled", "overdue", "above", "extension_asked", "past_due", "unheard")


def _due(draw: Any, at: datetime) -> str:
    return (at + timedelta(minutes=draw(st.integers(1, 6000)))).isoformat()


def _step(
    seq: int, move: str, before: str | None, after: str, at: datetime, detail: dict[str, Any], role: str = "resident"
) -> Step:
    return Step(seq, move, before, after, role, at, detail)


def _detail(draw: Any, code: str, at: datetime) -> dict[str, Any]:
    if code in ("rate", "dissatisfied"):
        low = code == "dissatisfied"
        detail: dict[str, Any] = {"rating": draw(st.integers(1, 2 if low else 5))}
        return {**detail, "due_at": _due(draw, at)} if low else detail
    if MOVES[code].after == RUNNING[0]:
        unit, level = draw(st.sampled_from(HANDS))
        return {"unit": unit, "level": level, "adviser": None, "due_at": _due(draw, at)}
    if code == "suspend":
        return {"due_at": None}
    if code in ("return_case", "dispute", "extend", "resume", "verify_failed", "reopen"):
        return {"due_at": _due(draw, at)}
    return {}


@given(st.lists(walks(), max_size=6), st.integers(1, 21), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_any_walk_gives_rates_within_bounds_sums_that_fit_and_the_same_in_any_order(
    county: County, told: list[Told], length: int, chance: random.Random
) -> None:
    start, end = MONDAY, MONDAY + timedelta(days=length)
    within = [Told(t.case_id, t.facts, tuple(s for s in t.steps if s.at < end)) for t in told]
    total, views = tally(within, county, start, end)
    for counts in (total, *(cell for view in views.values() for cell in view.values())):
        assert set(counts) <= set(COUNTS) and min(counts.values(), default=1) > 0
        for rate in RATES:
            assert 0 <= (value(counts, rate) or 0) <= 1, (rate, counts)
    for view in views.values():
        for count in COUNTS:
            assert sum(cell.get(count, 0) for cell in view.values()) == total.get(count, 0), count
    chance.shuffle(within)
    assert tally(within, county, start, end) == (total, views)


@given(st.lists(walks(), max_size=4), st.integers(1, 14))
@settings(max_examples=30, deadline=None)
def test_the_days_of_any_walk_add_up(county: County, told: list[Told], length: int) -> None:
    def total_of(start: datetime, end: datetime) -> dict[str, int]:
        cut = [Told(t.case_id, t.facts, tuple(s for s in t.steps if s.at < end)) for t in told]
        return tally(cut, county, start, end)[0]

    whole = total_of(MONDAY, MONDAY + timedelta(days=length))
    days = [total_of(MONDAY + timedelta(days=n), MONDAY + timedelta(days=n + 1)) for n in range(length)]
    for count in set(COUNTS) - BY_PERIOD:
        assert sum(day.get(count, 0) for day in days) == whole.get(count, 0), count


def test_random_walks_at_the_desk_are_recomputed_to_the_same_figures(desk: Desk, clock: Clock) -> None:
    chance, given_for = random.Random(7), {"note": "因为", "unit": CITY, "ground": "第三项", "door": "court", "days": 3,
                                           "verified": "on_site", "part": "垃圾", "into": "LL-none"}  # fmt: skip
    made = [desk.file(Matter("web:1", f"k{n}", "complaint", ("垃圾",), "urban.rubbish", town=TOWN)) for n in range(6)]
    start, kept = clock.now - timedelta(hours=1), []
    for turn in range(60):
        clock.move(hours=chance.choice((1, 5, 20)))
        desk.watch()
        case = desk.case(chance.choice(made).id)
        found = [(m, r) for r in ("operator", "unit", "leader") for m in desk.moves(case, r)]
        if found:
            move, role = chance.choice(found)
            told = {k: v for k, v in given_for.items() if k in move.needs or (k == "unit" and k in move.takes)}
            try:
                desk.move(case.id, move.code, actor="a", role=role, version=case.version, **told)
            except Refused as refused:
                assert refused.code.startswith(("into_", "part_", "unit_missing"))
        if turn % 12 == 11:
            clock.move(seconds=1)
            kept.append((clock.now, computed(desk, start, clock.now)))
    for end, then in kept:
        assert computed(desk, start, end) == then
        for view in then.views.values():
            for count, many in then.total.items():
                assert sum(cell.get(count, 0) for cell in view.values()) == many


def test_every_move_of_the_table_is_counted_or_known_to_count_for_nothing() -> None:
    nothing = {
        "register", "split", "overdue", "contribute", "deny_extension", "resume", "join", "leave", "add", "comment",
        "outside_note", "hide",
    }  # fmt: skip
    assert set(TELLS) | nothing == {m.code for m in TABLE} | {"file"} and not set(TELLS) & nothing


def test_nothing_happens_in_an_empty_life(county: County) -> None:
    booked: list[Any] = []
    Life(START, END, False, str, lambda *told: booked.append(told)).follow(())
    assert booked == []


# --- as people read it -----------------------------------------------------------------------------------------------


def test_every_figure_and_view_has_words_and_a_definition_in_both_languages(county: County) -> None:
    words = ReportWords.load()
    assert {f.code for f in words.figures} == set(COUNTS) | set(RATES) | set(MEANS)
    assert set(words.views) == set(VIEWS) and set(words.periods) == set(PERIODS)
    for told in (*(f.name for f in words.figures), *(f.means for f in words.figures), *words.rules):
        assert re.search("[一-鿿]", told["zh"]) and re.search("[A-Za-z]", told["en"])
        assert not re.search("[一-鿿]", told["en"])
    for view in VIEWS:
        assert words.row_name(county, view, "", "zh") != words.row_name(county, view, "", "en")


def test_marks_say_what_is_amber_and_what_red() -> None:
    figures = {f.code: f for f in ReportWords.load().figures}
    assert [figures["response"].mark(v) for v in (1.0, 0.95, 0.9, 0.5, None)] == [None, None, "amber", "red", None]
    assert [figures["return_rate"].mark(v) for v in (0.0, 0.1, 0.5)] == [None, "amber", "red"]
    assert figures["filed"].mark(0) is None


def test_the_workbook_holds_every_view_with_headings_formats_and_definitions(
    desk: Desk, clock: Clock, month: Story
) -> None:
    report, words = computed(desk), ReportWords.load()
    book = openpyxl.load_workbook(io.BytesIO(workbook(report, desk.county, "monthly")))
    assert book.sheetnames == [f"{n['zh']} {n['en']}" for n in words.views.values()] + ["口径说明 Definitions"]
    sheet = book["承办单位 Units"]
    zh, en = ([cell.value for cell in sheet[line]] for line in (2, 3))
    assert zh[:4] == ["名称", "代码", "受理", "派单"] and en[:4] == ["Name", "Code", "Filed", "Sent"]
    assert sheet.freeze_panes == "C4" and "2026-11-01 00:00" in sheet["A1"].value
    line = {row[1].value: row for row in sheet.iter_rows(min_row=4)}
    city, column = line[CITY], zh.index("按时办结率")
    assert (city[column].value, city[column].number_format) == (0.5, "0.0%")
    assert city[column].fill.fgColor.rgb == "00F8D0CC" and city[0].value.startswith("城市管理和综合执法局 Urban")
    assert line[None][zh.index("受理")].value == 9 and line[POWER][zh.index("满意率")].value is None
    told = {row[0].value: row[1].value for row in book["口径说明 Definitions"].iter_rows()}
    assert told["满意率 Satisfaction"] and report.sha256 in told.values()
    assert file_name(report, desk.county, "monthly") == "monthly-2026-11-01.xlsx"


def test_a_name_that_begins_like_a_formula_stays_text(desk: Desk, clock: Clock, county: County, month: Story) -> None:
    odd = replace(county, units=tuple(replace(u, name="=1+1") if u.code == CITY else u for u in county.units))
    book = openpyxl.load_workbook(io.BytesIO(workbook(computed(desk), odd, "monthly")))
    cell = next(row[0] for row in book["承办单位 Units"].iter_rows(min_row=4) if row[1].value == CITY)
    assert cell.value.startswith("=1+1") and cell.data_type == "s"


def test_rows_name_units_places_and_what_the_county_no_longer_knows(desk: Desk, clock: Clock, month: Story) -> None:
    report, words = computed(desk), ReportWords.load()
    report.views["towns"]["430999"] = {"sent": 1}  # type: ignore[index]
    named = {(r.code): r for r in rows(report, desk.county, "units", "en", words, page_only=True)}
    assert named[None].name == "Total" and named[GRID].name == f"Grid {GRID}" and named[""].name.startswith("the desk")
    assert [r.name for r in rows(report, desk.county, "towns", "zh", words)][1:] == ["国瓷街道", "430999"]
    cells = {cell.figure.code: cell for cell in named[CITY].cells}
    late = cells["in_time_rate"]
    assert (written(late), late.of, late.mark) == ("50.0%", (2, 4), "red")
    assert written(cells["minutes_to_hear"]) == "—"


# --- migration -------------------------------------------------------------------------------------------------------


def test_migration_0010_goes_up_and_down_and_tells_old_ratings(
    store: Store, desk: Desk, clock: Clock, month: Story
) -> None:
    rated = sa.and_(events.c.move.in_(("rate", "dissatisfied")), events.c.before != events.c.after)
    with store.write() as write:
        before = write.execute(sa.select(events.c.id, events.c.detail).where(rated).order_by(events.c.id)).all()
        for event, detail in before:
            less = {name: told for name, told in detail.items() if name != "rating"}
            write.execute(events.update().where(events.c.id == event).values(detail=less))
    migrate(store, "downgrade", "0004")
    assert "reports" not in sa.inspect(store.engine).get_table_names()
    migrate(store, "upgrade", "head")
    with store.read() as read:
        after = read.execute(sa.select(events.c.id, events.c.detail).where(rated).order_by(events.c.id)).all()
    assert [(i, d["rating"]) for i, d in after] == [(i, d["rating"]) for i, d in before]
    assert computed(desk).total == dict(sorted(TOTAL.items()))


def migrate(store: Store, way: str, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    from tests.running import ROOT

    config = Config()
    config.set_main_option("script_location", str(ROOT / "cases" / "migrations"))
    with store.engine.connect() as connection:
        config.attributes["connection"] = connection
        getattr(command, way)(config, to)
