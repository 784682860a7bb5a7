"""Every way back of the six steps, each as a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from cases.case import Case, Matter
from cases.desk import Desk, Refused
from cases.routing import Place, ladder
from tests.cases.conftest import Clock
from tests.cases.moves import walk

TOWN, VILLAGE = "430281004", "430281004212"
GRID = f"{VILLAGE}-01"


def filed(desk: Desk, key: str = "k1", category: str = "urban.rubbish", **more: Any) -> Case:
    told = {"town": TOWN, "village": VILLAGE, "grid": GRID, "contact": "13800000000", **more}
    return desk.file(Matter("web:1", key, "complaint", ("垃圾堆了三天。还有路灯也不亮。",), category=category, **told))


def notices(desk: Desk, of: str = "web:1") -> list[str]:
    return [m.text for m in desk.transcript(of) if m.author == "notice"]


def test_a_matter_starts_at_the_lowest_level_and_climbs_when_its_limit_passes(desk: Desk, clock: Clock) -> None:
    case = walk(desk, filed(desk), "register", "dispatch")
    assert (case.level, case.unit) == ("grid", GRID)
    levels = [case.level]
    for _ in range(3):
        clock.move(days=8)
        assert desk.watch() == 1
        case = desk.case(case.id)
        levels.append(case.level)
    assert levels == ["grid", "village", "city", "city"] and case.overdue_at is not None
    assert case.supervised_at is not None and desk.watch() == 0
    told = notices(desk)
    assert "已自动上交石塅村民委员会" in told[2]
    assert "没有按期答复" in told[-1] and "督办" in told[-1]


def test_the_clock_starts_at_dispatch_not_when_somebody_signs(desk: Desk, clock: Clock) -> None:
    sent = walk(desk, filed(desk), "register", "dispatch")
    clock.move(hours=2)
    assert walk(desk, sent, "accept").due_at == sent.due_at


def test_a_unit_declares_a_matter_out_of_reach_and_it_goes_up(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", ("escalate", {"note": "要吊车"}))
    assert (case.status, case.level, case.unit) == ("dispatched", "village", VILLAGE)
    assert "要吊车" in notices(desk)[-1]


def test_the_top_level_cannot_be_escalated(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", ("dispatch", {"unit": "urban-management"}))
    with pytest.raises(Refused, match="not_allowed"):
        walk(desk, case, ("escalate", {"note": "太难"}))


def test_a_second_return_is_a_dispute_and_a_ruling_ends_it(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", ("dispatch", {"unit": "housing"}), "return_case")
    assert (case.status, case.returns, case.unit) == ("returned", 1, None)
    case = walk(desk, case, ("dispatch", {"unit": "power"}))
    with pytest.raises(Refused, match="not_allowed"):
        walk(desk, case, "return_case")
    case = walk(desk, case, "dispute")
    assert case.status == "disputed"
    with pytest.raises(Refused, match="not_allowed"):
        walk(desk, case, ("rule", {"unit": "housing", "note": "归你", "role": "operator"}))
    case = walk(desk, case, ("rule", {"unit": "housing", "note": "指挥中心裁定由住建局主办"}))
    assert (case.status, case.unit, case.ruled) == ("dispatched", "housing", True)
    for code in ("return_case", "dispute"):
        with pytest.raises(Refused, match="not_allowed"):
            walk(desk, case, code)
    told = [e for e in desk.timeline(case.id) if e.move in ("return_case", "dispute", "rule")]
    assert [e.detail.get("ground") for e in told] == ["权责清单第 12 项", "权责清单第 12 项", None]


def test_an_extension_is_asked_for_and_granted_once(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", ("ask_extension", {"note": "下雨", "days": 4}))
    assert case.extension_asked == 4 and len(notices(desk)) == 3
    with pytest.raises(Refused, match="not_allowed"):
        walk(desk, case, ("ask_extension", {"note": "再要", "days": 9}))
    longer = walk(desk, case, ("extend", {"note": "同意"}))
    assert longer.due_at is not None and case.due_at is not None and (longer.due_at - case.due_at).days >= 3
    assert (longer.extension_asked, longer.extensions) == (None, 1) and "同意" in notices(desk)[-1]
    for code in ("ask_extension", "extend"):
        with pytest.raises(Refused, match="not_allowed"):
            walk(desk, longer, (code, {"note": "还要", "days": 2}))


def test_an_extension_that_is_denied_changes_no_limit_and_tells_nobody(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", ("ask_extension", {"note": "忙", "days": 4}))
    told = len(notices(desk))
    denied = walk(desk, case, ("deny_extension", {"note": "按期办"}))
    assert (denied.due_at, denied.extension_asked, len(notices(desk))) == (case.due_at, None, told)


@pytest.mark.parametrize("days", [0, -1, 61])
def test_an_extension_of_no_sense_is_refused(desk: Desk, days: int) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept")
    with pytest.raises(Refused, match="days_"):
        walk(desk, case, ("ask_extension", {"note": "忙", "days": days}))
    assert desk.case(case.id) == case


def test_a_suspended_case_keeps_the_time_that_was_left(desk: Desk, clock: Clock) -> None:
    case = walk(desk, filed(desk), "register", ("dispatch", {"unit": "urban-management"}), "accept")
    clock.move(days=1)
    held = walk(desk, case, ("suspend", {"note": "等汛期过去"}))
    assert (held.status, held.due_at) == ("suspended", None)
    clock.move(days=30)
    assert desk.watch() == 0
    on = walk(desk, held, "resume")
    assert on.status == "handling" and on.due_at is not None and on.due_at > clock.now
    assert [t for t in notices(desk) if "等汛期过去" in t] and "恢复办理" in notices(desk)[-1]


def test_what_fails_verification_is_done_again_with_a_new_clock(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer")
    again = walk(desk, case, ("verify_failed", {"note": "现场还有一半"}))
    assert again.status == "handling" and again.due_at is not None and "现场还有一半" in notices(desk)[-1]


def test_a_unit_cannot_close_its_own_case_and_nobody_without_saying_how_it_was_verified(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer")
    with pytest.raises(Refused, match="not_allowed"):
        walk(desk, case, ("close", {"role": "unit"}))
    with pytest.raises(Refused, match="verified_missing"):
        walk(desk, case, ("close", {"verified": ""}))
    with pytest.raises(Refused, match="unknown_code"):
        walk(desk, case, ("close", {"verified": "trust_me"}))


def test_a_low_rating_opens_the_case_again_and_it_is_done_again(desk: Desk, clock: Clock) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer", "close")
    low = desk.rate(case.id, "web:1", "r1", 1, "垃圾还在")
    assert (low.status, low.rating) == ("reopened", 1)
    again = walk(desk, low, ("redo", {"note": "群众不满意"}))
    assert (again.status, again.unit, again.dispatched_at) == ("dispatched", GRID, clock.now)
    done = walk(desk, again, "accept", "answer", "close")
    assert desk.rate(done.id, "web:1", "r2", 5).status == "rated"


def test_a_result_that_is_upheld_says_why_and_where_to_go_on(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer", "close")
    desk.rate(case.id, "web:1", "r1", 2)
    upheld = walk(desk, case, ("uphold", {"note": "现场复核已清运"}))
    assert upheld.status == "rated" and "现场复核已清运" in notices(desk)[-1] and "信访" in notices(desk)[-1]


def test_a_case_is_reopened_within_its_window_only(desk: Desk, clock: Clock) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer", "close")
    clock.move(days=15)
    assert desk.reopen(case.id, "web:1", "o1", "又堆起来了").status == "reopened"
    case = walk(desk, case, ("redo", {"note": "重办"}), "accept", "answer", "close")
    clock.move(days=16)
    with pytest.raises(Refused, match="reopen_not_now"):
        desk.reopen(case.id, "web:1", "o2", "又堆起来了")
    assert desk.rate(case.id, "web:1", "r9", 1).status == "rated"


def test_a_case_is_reopened_no_more_often_than_the_county_says(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer", "close")
    for n in range(2):
        desk.reopen(case.id, "web:1", f"o{n}", "没好")
        case = walk(desk, case, ("redo", {"note": "重办"}), "accept", "answer", "close")
    with pytest.raises(Refused, match="reopen_not_now"):
        desk.reopen(case.id, "web:1", "o9", "没好")


def test_a_refusal_names_the_right_door(desk: Desk) -> None:
    case = filed(desk)
    with pytest.raises(Refused, match="unknown_code"):
        walk(desk, case, ("refuse", {"door": "moon"}))
    assert walk(desk, case, "refuse").status == "refused"
    assert "法院已经受理" in notices(desk)[-1] and "12368" in notices(desk)[-1]


def test_merged_cases_tell_all_their_residents_and_nobody_is_lost(desk: Desk) -> None:
    first = filed(desk)
    for who in ("web:2", "web:3"):
        desk.hear(who, "web", "垃圾", "r0")
    second = desk.file(Matter("web:2", "k9", "complaint", ("垃圾没人收",), "urban.rubbish", town=TOWN))
    desk.join(second.id, "web:3", "j1", ("我也是",))
    merged = walk(desk, second, ("merge", {"into": first.number}))
    assert (merged.status, merged.merged_into) == ("merged", first.id)
    assert desk.followers(first.id) == 2
    assert all(first.number in notices(desk, who)[-1] for who in ("web:2", "web:3"))
    walk(desk, first, "register")
    assert [first.number in notices(desk, who)[-1] for who in ("web:1", "web:2", "web:3")] == [True] * 3
    assert "垃圾没人收" in [e.note for e in desk.timeline(first.id)]
    assert first.number in {c.number for c in desk.cases_of("web:2")}


@pytest.mark.parametrize("into", ["LL-nothing", "itself", "ended"])
def test_a_case_is_merged_only_into_another_open_one(desk: Desk, into: str) -> None:
    case, other = filed(desk), filed(desk, "k2")
    walk(desk, other, "refuse")
    number = {"itself": case.number, "ended": other.number}.get(into, into)
    with pytest.raises(Refused, match="into_"):
        walk(desk, case, ("merge", {"into": number}))
    assert desk.case(case.id) == case


def test_one_case_of_two_matters_is_split_by_the_residents_own_words(desk: Desk) -> None:
    case = filed(desk)
    with pytest.raises(Refused, match="part_unknown"):
        walk(desk, case, ("split", {"part": "领导贪污", "category": "urban.lamp"}))
    kept = walk(desk, case, ("split", {"part": "还有路灯也不亮。", "category": "urban.lamp"}))
    both = desk.cases_of("web:1")
    fresh = next(c for c in both if c.id != case.id)
    assert kept.status == "reported" and kept.category == "urban.rubbish" and kept.words == case.words
    assert (fresh.words, fresh.category, fresh.split_from) == (("还有路灯也不亮。",), "urban.lamp", case.id)
    assert fresh.contact == case.contact and fresh.number in notices(desk)[-1]


def test_an_emergency_is_with_the_duty_desk_at_once_and_must_be_acknowledged(desk: Desk, clock: Clock) -> None:
    case = filed(desk, emergency="fire", category=None)
    assert (case.status, case.unit) == ("dispatched", desk.county.duty) and notices(desk) == []
    clock.move(minutes=11)
    assert desk.watch() == 1 and desk.watch() == 0
    assert desk.case(case.id).alarmed_at == clock.now
    with pytest.raises(Refused, match="not_allowed"):
        walk(desk, case, "accept")
    heard = walk(desk, case, ("acknowledge", {"role": "unit"}))
    assert heard.status == "handling" and heard.acknowledged_at == clock.now and "值班台" in notices(desk)[-1]


def test_an_emergency_told_in_a_consultation_goes_to_the_duty_desk_with_a_place_or_without(desk: Desk) -> None:
    for key, place in (("e1", {}), ("e2", {"town": TOWN, "village": VILLAGE})):
        case = desk.file(Matter("web:1", key, "consultation", ("他拿刀砍人",), emergency="violence", **place))
        assert (case.status, case.unit, case.adviser) == ("dispatched", desk.county.duty, None)


def test_a_low_rating_that_is_sent_twice_counts_once(desk: Desk) -> None:
    case = walk(desk, filed(desk), "register", "dispatch", "accept", "answer", "close")
    first, again = (desk.rate(case.id, "web:1", "r1", 1, "垃圾还在") for _ in range(2))
    assert first == again and [e.move for e in desk.timeline(case.id)].count("dissatisfied") == 1


def test_the_watch_leaves_an_emergency_alone_that_somebody_acknowledged(desk: Desk, clock: Clock) -> None:
    case = walk(desk, filed(desk, emergency="fire", category=None), ("acknowledge", {"role": "unit"}))
    clock.move(minutes=30)
    assert desk.watch() == 0 and desk.case(case.id) == case


def test_a_unit_that_helps_may_add_words_and_nothing_else(desk: Desk) -> None:
    sent = walk(
        desk, filed(desk), "register", ("dispatch", {"unit": "urban-management", "support": ("power", "water")})
    )
    assert desk.support(sent.id) == ("power", "water")
    assert [c.number for c in desk.queue(role="unit", unit="power")] == [sent.number]
    assert {m.code for m in desk.moves(sent, "support")} == {"contribute", "comment"}
    walk(desk, sent, ("contribute", {"note": "已停电配合"}))
    assert desk.timeline(sent.id)[-1].note == "已停电配合"


def test_urgent_matters_have_the_shorter_limit(desk: Desk) -> None:
    calm = walk(desk, filed(desk), "register", "dispatch")
    urgent = walk(desk, filed(desk, "k2", signals=("urgent",)), "register", "dispatch")
    assert calm.due_at is not None and urgent.due_at is not None and urgent.due_at < calm.due_at


def test_amber_comes_before_red(desk: Desk) -> None:
    sent = walk(desk, filed(desk), "register", "dispatch")
    assert sent.dispatched_at and sent.amber_at and sent.due_at
    assert sent.dispatched_at < sent.amber_at < sent.due_at


def test_a_place_of_which_only_the_town_is_known_starts_at_the_city_or_town(desk: Desk) -> None:
    assert [s.level for s in ladder(desk.county, "urban.rubbish", Place(TOWN))] == ["city"]
    assert [s.level for s in ladder(desk.county, "rural.water", Place(TOWN))] == ["town", "city"]


def test_a_part_that_tells_too_much_is_hidden_from_the_unit_and_kept_sealed(desk: Desk) -> None:
    case = filed(desk)
    with pytest.raises(Refused, match="part_unknown"):
        walk(desk, case, ("hide", {"part": "没说过的话"}))
    hidden = walk(desk, case, ("hide", {"part": "还有路灯也不亮。"}))
    assert hidden.words == ("垃圾堆了三天。████████",) and hidden.hidden
    told = desk.timeline(case.id)[-1]
    assert told.move == "hide" and "路灯" not in str(told)
    full = desk.reveal(case.id, actor="op", role="operator", reason="核对原话")
    assert full.words == case.words
