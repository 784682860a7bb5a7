"""The table of moves and the desk agree, for every status, move, role and kind."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa

from cases.case import Case, Matter
from cases.desk import Desk, Refused, Stale
from cases.lifecycle import MOVES, ROLES, STATUSES, STEPS, TABLE, notices
from cases.notices import Notices
from cases.store import cases, events, outbox

STAFF_MOVES = [m.code for m in TABLE if m.roles != ("resident",)]
KINDS = ("complaint", "consultation")
#: something for every field that a move may need
GIVEN = {
    "note": "因为", "unit": "housing", "ground": "权责清单第三项", "door": "court", "days": 3, "verified": "on_site",
    "part": "路灯坏了", "into": "LL-none",
}  # fmt: skip


def given_for(code: str) -> dict[str, object]:
    move = MOVES[code]
    return {name: GIVEN[name] for name in GIVEN if name in (*move.needs, *move.takes)}


def filed(desk: Desk, kind: str = "complaint", key: str = "k1") -> Case:
    return desk.file(Matter("web:1", key, kind, ("路灯坏了",), category=None, town="430281004", contact="13800000000"))


def put(desk: Desk, case: Case, status: str) -> Case:
    with desk.store.write() as write:
        write.execute(cases.update().where(cases.c.id == case.id).values(status=status))
    return desk.case(case.id)


def count(desk: Desk, table: sa.Table) -> int:
    with desk.store.read() as read:
        return int(read.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_every_status_has_a_step_and_every_move_leads_somewhere_known() -> None:
    assert set(STEPS.values()) == {1, 2, 3, 4, 5, 6}
    for move in TABLE:
        assert set(move.before) <= set(STATUSES) and set(move.roles) <= set(ROLES)
        assert move.after is None or move.after in STATUSES


def test_every_open_status_can_be_reached_and_left() -> None:
    reached = {"reported"} | {m.after for m in TABLE if m.after}
    assert reached == set(STATUSES)
    assert {s for m in TABLE if m.after for s in m.before if s != m.after} >= {s for s in STATUSES if STEPS[s] < 5}


def test_every_notice_of_the_table_exists_in_both_languages_with_the_same_blanks() -> None:
    blanks = {"number": "«N»", "unit": "«U»", "due": "«D»", "note": "«X»", "door": "«W»", "other": "«O»"}
    written = Notices.load()
    assert notices() == written.codes
    for code in notices():
        chinese, english = (written.render(code, language, blanks) for language in ("zh", "en"))
        for blank in blanks.values():
            assert (blank in chinese[0]) == (blank in english[0]), (code, blank)
        assert [b["payload"] for b in chinese[1]] == [b["payload"] for b in english[1]]


def test_only_the_moves_of_the_table_happen_and_a_refused_move_leaves_no_trace(desk: Desk) -> None:
    made = {kind: filed(desk, kind, key=f"key-{kind}") for kind in KINDS}
    for status, code, role, kind in itertools.product(STATUSES, STAFF_MOVES, ROLES, KINDS):
        case = put(desk, made[kind], status)
        before = (case, count(desk, events), count(desk, outbox))
        may = MOVES[code] in desk.moves(case, role)
        try:
            after = desk.move(case.id, code, actor="a", role=role, version=case.version, **given_for(code))
        except Refused as refused:
            assert not may or refused.code in ("into_unknown", "part_unknown"), (status, code, role, kind, refused.code)
            assert (desk.case(case.id), count(desk, events), count(desk, outbox)) == before
        else:
            assert may and after.status == (MOVES[code].after or status) and after.version > case.version


@pytest.mark.parametrize(
    ("code", "need"),
    [(m.code, need) for m in TABLE for need in m.needs if m.when is None and "resident" not in m.roles],
)
def test_a_move_is_refused_without_what_it_needs(desk: Desk, code: str, need: str) -> None:
    move = MOVES[code]
    case = put(desk, filed(desk), move.before[0])
    left_out = {name: value for name, value in given_for(code).items() if name != need}
    with pytest.raises(Refused, match=f"{need}_missing"):
        desk.move(case.id, code, actor="a", role=move.roles[0], version=case.version, **left_out)
    assert desk.case(case.id) == case


def test_two_staff_cannot_move_one_case_at_once(desk: Desk) -> None:
    case = filed(desk)
    desk.move(case.id, "register", actor="a", role="operator", version=case.version)
    with pytest.raises(Stale) as lost:
        desk.move(case.id, "register", actor="b", role="operator", version=case.version)
    assert lost.value.current.status == "registered"


def test_six_steps_with_a_notice_at_each_and_a_rating_at_the_end(desk: Desk) -> None:
    case = filed(desk)
    steps = [("register", "operator", None), ("dispatch", "operator", None), ("accept", "unit", None),
             ("answer", "unit", "灯已换好"), ("close", "operator", None)]  # fmt: skip
    for code, role, note in steps:
        given = {**given_for(code), "note": note, "unit": None}
        case = desk.move(case.id, code, actor="a", role=role, version=case.version, **given)
    case = desk.rate(case.id, "web:1", "r9", 5, "好")
    assert (case.status, case.step, case.rating) == ("rated", 6, 5)
    told = [m for m in desk.transcript("web:1") if m.author == "notice"]
    assert len(told) == 5 and "灯已换好" in told[3].text and len(told[4].buttons) == 5
    assert all(case.number in m.text for m in told)
    assert [e.move for e in desk.timeline(case.id)] == ["file", *(s[0] for s in steps), "rate"]


def test_a_returned_case_is_dispatched_to_another_unit(desk: Desk) -> None:
    case = filed(desk)
    for code, role, extra in [("register", "operator", {}), ("dispatch", "operator", {"unit": "housing"}),
                              ("return_case", "unit", {"note": "不归我局管", "ground": "权责清单第 12 项"}),
                              ("dispatch", "operator", {"unit": "power"})]:  # fmt: skip
        case = desk.move(case.id, code, actor="a", role=role, version=case.version, **extra)
    assert (case.status, case.unit) == ("dispatched", "power")


def test_a_unit_the_county_does_not_have_is_refused(desk: Desk) -> None:
    case = put(desk, filed(desk), "registered")
    with pytest.raises(Refused, match="unknown_code"):
        desk.move(case.id, "dispatch", actor="a", role="operator", version=case.version, unit="moon")
    assert desk.case(case.id) == case


def test_a_consultation_goes_to_the_adviser_of_the_town_with_a_duty_clock(desk: Desk) -> None:
    case = filed(desk, "consultation")
    assert case.status == "dispatched" and case.adviser == desk.county.adviser_for("430281004").login
    assert case.due_at is not None and [c.number for c in desk.queue(role="adviser", adviser=case.adviser)] == [
        case.number
    ]


def test_a_consultation_without_a_place_waits_for_the_desk(desk: Desk) -> None:
    case = desk.file(Matter("web:1", "k2", "consultation", ("欠薪",)))
    assert case.status == "reported" and case.adviser is None
