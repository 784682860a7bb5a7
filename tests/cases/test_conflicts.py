"""One adviser never serves both sides of a dispute, and nobody reads from the database who is in one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from cases import conflicts, disputes
from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk, Refused
from cases.shield import Shield
from cases.store import Store
from tests.cases.conftest import Clock

TOWN = "430281004"
SHIELD = Shield("test secret")


def facts(own: str | None = None, *opponents: str, phones: tuple[str, ...] = (), whole: bool = True) -> dict[str, Any]:
    parties = [{"role": "employer", "name": name, "whole": whole} for name in opponents]
    return {"opponents": parties, "amounts": [32000.0], "wanted": ["pay"], "phones": list(phones), "own_name": own}


def consult(desk: Desk, key: str, told: dict[str, Any] | None, **more: Any) -> Case:
    known: dict[str, Any] = {"town": TOWN, "legal_topic": "labour", "facts": told, **more}
    return desk.file(Matter("web:1", key, "consultation", ("老板欠我工资",), **known))


def adviser_of(county: County, town: str = TOWN) -> str:
    return county.adviser_for(town).login


def test_the_other_side_of_a_dispute_gets_another_adviser(desk: Desk, county: County) -> None:
    worker = consult(desk, "k1", facts("张三丰", "王大发"), contact="13812345678")
    boss = consult(desk, "k2", facts("王大发", "张三丰"), contact="13900001111")
    assert worker.adviser == adviser_of(county)
    assert boss.adviser and boss.adviser != worker.adviser and boss.status == "dispatched"


def test_the_next_adviser_is_the_nearest_in_the_file(desk: Desk, county: County) -> None:
    consult(desk, "k1", facts("张三丰", "王大发"))
    order = [a.login for a in county.advisers]
    at = order.index(adviser_of(county))
    assert consult(desk, "k2", facts("王大发", "张三丰")).adviser == order[at - 1]


def test_the_event_tells_of_a_conflict_and_of_no_party(desk: Desk) -> None:
    consult(desk, "k1", facts("张三丰", "王大发"), contact="13812345678")
    boss = consult(desk, "k2", facts("王大发", "张三丰"))
    events = [e for e in desk.timeline(boss.id) if e.move == "conflict"]
    assert len(events) == 1 and events[0].before == events[0].after == "registered"
    told = str([(e.note, e.detail) for e in desk.timeline(boss.id)])
    assert "张三" not in told and "138" not in told and events[0].detail == {}


def test_two_workers_against_one_boss_have_the_same_adviser(desk: Desk, county: County) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"), contact="13812345678")
    second = consult(desk, "k2", facts("李四光", "王大发"), contact="13700000000")
    assert first.adviser == second.adviser == adviser_of(county)
    assert not [e for e in desk.timeline(second.id) if e.move == "conflict"]


def test_the_same_resident_again_keeps_the_adviser(desk: Desk) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"), contact="13812345678")
    assert consult(desk, "k2", facts("张三丰", "刘能干"), contact="13812345678").adviser == first.adviser


def test_the_other_side_s_phone_is_enough(desk: Desk) -> None:
    first = consult(desk, "k1", facts(None, phones=("139 0000 1111",)), contact="13812345678")
    second = consult(desk, "k2", facts(None), contact="+86 13900001111")
    assert second.adviser != first.adviser


def test_a_firm_is_the_same_with_its_place_and_form_or_without(desk: Desk, county: County) -> None:
    first = consult(desk, "k1", facts("张三丰", "醴陵市恒达陶瓷有限公司"))
    second = consult(desk, "k2", facts("恒达陶瓷", "张三丰"))
    third = consult(desk, "k3", facts("恒達陶瓷有限責任公司", "赵钱孙"))
    assert second.adviser != first.adviser and third.adviser != first.adviser


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("王大发", "王大發"),
        ("Wang Dafa", "wang  dafa"),
        ("醴陵恒达陶瓷厂", "湖南省醴陵市恒达陶瓷厂"),
        ("Hengda Ceramics Co., Ltd", "Hengda Ceramics"),
    ],
)
def test_names_that_are_one_compare_as_one(one: str, other: str, county: County) -> None:
    assert conflicts.normal_name(one, county) == conflicts.normal_name(other, county) is not None


@pytest.mark.parametrize(("one", "other"), [("王大发", "王大福"), ("恒达陶瓷厂", "恒发陶瓷厂"), ("醴陵", "醴陵市瓷厂")])
def test_names_that_differ_stay_apart(one: str, other: str, county: County) -> None:
    assert conflicts.normal_name(one, county) != conflicts.normal_name(other, county)


def test_a_name_that_tells_nobody_from_others_is_no_conflict(desk: Desk) -> None:
    first = consult(desk, "k1", facts("张三丰", "老周", whole=False))
    second = consult(desk, "k2", facts("老周", "孙二娘"))
    assert second.adviser == first.adviser


def test_a_closed_and_a_withdrawn_consultation_still_bind_the_adviser(desk: Desk) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"))
    desk.withdraw(first.id, "web:1", "w", "不问了")
    assert consult(desk, "k2", facts("王大发", "张三丰")).adviser != first.adviser


def test_an_adviser_who_gave_the_case_back_has_read_it_and_is_bound(desk: Desk, county: County, store: Store) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"))
    assert first.adviser
    back = desk.move(
        first.id, "return_case", actor=first.adviser, role="adviser", version=first.version, note="忙", ground="回避"
    )
    other = county.advisers[-1].login
    moved = desk.move(back.id, "dispatch", actor="op", role="operator", version=back.version, adviser=other)
    assert moved.adviser == other
    second = consult(desk, "k2", facts("王大发", "张三丰"))
    assert second.adviser not in (first.adviser, other)


def test_staff_cannot_send_it_to_an_adviser_of_the_other_side(desk: Desk) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"))
    second = consult(desk, "k2", facts("王大发", "张三丰"))
    known = {"actor": "op", "role": "operator", "version": second.version, "note": "换人"}
    with pytest.raises(Refused, match="conflict"):
        desk.move(second.id, "reassign", adviser=first.adviser, **known)
    assert desk.case(second.id) == second
    assert desk.move(second.id, "reassign", **known).adviser == second.adviser
    with pytest.raises(Refused, match="unknown_code"):
        desk.move(second.id, "reassign", adviser="nobody", **{**known, "version": desk.case(second.id).version})


def test_where_every_adviser_is_bound_it_stays_with_the_desk(store: Store, county: County, clock: Clock) -> None:
    alone = replace(county, advisers=tuple(a for a in county.advisers if TOWN in a.towns))
    desk = Desk(store, alone, clock, SHIELD)
    desk.hear("web:1", "web", "你好", "r0")
    consult(desk, "k1", facts("张三丰", "王大发"))
    second = consult(desk, "k2", facts("王大发", "张三丰"))
    assert second.adviser is None and second.status == "reported"
    assert [e.move for e in desk.timeline(second.id)] == ["file", "conflict"]
    assert desk_doubts(store, alone, second) == ["conflict"]
    registered = desk.move(second.id, "register", actor="op", role="operator", version=second.version)
    with pytest.raises(Refused, match="conflict"):
        desk.move(second.id, "dispatch", actor="op", role="operator", version=registered.version)
    assert desk.case(second.id) == registered


def desk_doubts(store: Store, county: County, case: Case) -> list[str]:
    with store.read() as read:
        return conflicts.doubts(read, county, case)


@pytest.mark.parametrize(
    ("told", "contact", "expected"),
    [
        (facts("张三丰", "王大发"), None, []),
        (facts(None, "王大发"), "13812345678", []),
        (facts(None, "王大发"), None, ["parties_unknown"]),
        (facts("张三丰"), None, ["parties_unknown"]),
        (None, "13812345678", ["parties_unknown"]),
    ],
)
def test_where_a_side_is_unknown_that_is_said(
    told: dict[str, Any] | None, contact: str | None, expected: list[str], desk: Desk, store: Store, county: County
) -> None:
    assert desk_doubts(store, county, consult(desk, "k", told, contact=contact)) == expected


def test_a_complaint_has_no_parties(desk: Desk, store: Store, county: County) -> None:
    case = desk.file(Matter("web:1", "c", "complaint", ("路灯坏了",), town=TOWN, contact="13812345678", facts=facts()))
    with store.read() as read:
        assert read.execute(sa.select(conflicts.parties)).all() == [] and disputes.facts_of(read, case.id) is None
    assert desk_doubts(store, county, case) == []


def test_nobody_reads_from_the_tables_who_is_in_dispute(desk: Desk, store: Store) -> None:
    consult(desk, "k1", facts("张三丰", "王大发", phones=("13900001111",)), contact="13812345678")
    with store.read() as read:
        rows = [dict(r) for t in (conflicts.parties, disputes.disputes) for r in read.execute(sa.select(t)).mappings()]
    kept = str(rows)
    for told in ("张三丰", "王大发", "13900001111", "13812345678"):
        assert told not in kept
    assert "32000" in kept and len({r["token"] for r in rows if "token" in r}) == 4


def test_tokens_outlive_the_keys_that_seal_and_mean_nothing_elsewhere(desk: Desk, store: Store) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"))
    with store.write() as write:
        before = conflicts.token_key(write, SHIELD)
        newer = Shield(("another secret", "test secret"))
        sealed = write.execute(sa.select(conflicts.token_keys.c.key_sealed)).scalar_one()
        write.execute(conflicts.token_keys.update().values(key_sealed=newer.reseal(sealed)))
        assert conflicts.token_key(write, newer) == before and before.decode() not in sealed
        with pytest.raises(PermissionError):
            conflicts.token_key(write, Shield("other"))
    again = Desk(store, desk.county, desk.clock, newer)
    assert consult(again, "k2", facts("王大发", "张三丰")).adviser != first.adviser


def test_facts_are_masked_unless_opened(desk: Desk, store: Store) -> None:
    case = consult(desk, "k1", facts("张三丰", "王大发", phones=("13900001111",)))
    with store.read() as read:
        masked, opened = disputes.facts_of(read, case.id), disputes.facts_of(read, case.id, SHIELD)
        with pytest.raises(PermissionError):
            disputes.facts_of(read, case.id, Shield("other"))
    assert masked and masked["opponents"][0]["name"] == "王**" and masked["own_name"] is None
    assert opened and opened["opponents"][0]["name"] == "王大发" and opened["phones"] == ["139****1111"]
    assert masked["amounts"] == opened["amounts"] == [32000.0]


def test_who_stands_on_both_sides_of_one_case_was_read_wrongly(desk: Desk, store: Store, county: County) -> None:
    consult(desk, "k1", facts("张三丰", "张三丰", phones=("13900001111",)), contact="13900001111")
    with store.read() as read:
        sides = [tuple(r) for r in read.execute(sa.select(conflicts.parties.c.side)).all()]
    assert sorted(sides) == [("other",), ("own",)]


def test_a_number_called_the_boss_s_is_not_the_resident_s(desk: Desk) -> None:
    first = consult(desk, "k1", facts("张三丰", phones=("13900001111",)), contact="13900001111")
    assert consult(desk, "k2", facts("王大发"), contact="13900001111").adviser != first.adviser


def test_forgetting_a_dispute_frees_the_adviser(desk: Desk, store: Store) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"))
    with store.write() as write:
        disputes.forget(write, first.id)
    assert consult(desk, "k2", facts("王大发", "张三丰")).adviser == first.adviser


def test_the_check_answers_for_an_adviser_and_tokens(desk: Desk, store: Store) -> None:
    first = consult(desk, "k1", facts("张三丰", "王大发"))
    assert first.adviser
    with store.write() as write:
        key = conflicts.token_key(write, SHIELD)
    boss, worker = (conflicts.token(key, name) for name in ("王大发", "张三丰"))
    with store.read() as read:
        assert conflicts.conflicted(read, first.adviser, {"own": [boss]})
        assert conflicts.conflicted(read, first.adviser, {"other": [worker]})
        assert not conflicts.conflicted(read, first.adviser, {"own": [worker], "other": [boss]})
        assert not conflicts.conflicted(read, "somebody else", {"own": [boss]})
        assert not conflicts.conflicted(read, first.adviser, {})


def test_both_sides_given_out_at_the_same_moment_never_meet_one_adviser(desk: Desk, store: Store) -> None:
    for n in range(6):
        told = (facts("张三丰", f"王大发{n}"), facts(f"王大发{n}", "张三丰"))
        both = [consult(desk, f"k{n}{side}", known, town=None) for side, known in enumerate(told)]
        ready = []
        for case in both:
            case = desk.move(case.id, "register", actor="op", role="operator", version=case.version)
            ready.append(desk.amend(case.id, actor="op", role="operator", version=case.version, town=TOWN))
        start = threading.Barrier(2)

        def dispatch(case: Case, start: threading.Barrier = start) -> str | None:
            start.wait()
            return desk.move(case.id, "dispatch", actor="op", role="operator", version=case.version).adviser

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(dispatch, ready)
        assert first and second and first != second


def test_both_sides_at_the_same_moment_never_meet_one_adviser(desk: Desk) -> None:
    desk.hear("web:2", "web", "你好", "r0")
    for n in range(6):
        start, sides = threading.Barrier(2), (("web:1", "张三丰", f"王大发{n}"), ("web:2", f"王大发{n}", "张三丰"))

        def file(side: tuple[str, str, str], n: int = n, start: threading.Barrier = start) -> str | None:
            start.wait()
            matter = Matter(side[0], f"k{n}", "consultation", ("x",), town=TOWN, facts=facts(side[1], side[2]))
            return desk.file(matter).adviser

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(file, sides)
        assert first and second and first != second


def test_who_is_named_after_filing_counts_in_the_check_too(desk: Desk) -> None:
    boss = consult(desk, "k1", facts("王大发"), contact="13900001111")
    worker = consult(desk, "k2", facts("张三丰"), contact="13812345678")
    assert worker.adviser == boss.adviser
    told = {**facts(None, "王大发", phones=("13900001111",)), "amounts": [5000.0]}
    for _ in range(2):
        desk.add_words(worker.id, "web:1", "m9", "老板叫王大发，欠我五千", facts=told)
    with desk.store.read() as read:
        kept = disputes.facts_of(read, worker.id, desk.shield)
        assert conflicts.doubts(read, desk.county, desk.case(worker.id)) == ["conflict"]
    assert kept and kept["own_name"] == "张三丰" and kept["amounts"] == [32000.0, 5000.0]
    assert [party["name"] for party in kept["opponents"]] == ["王大发"] and len(kept["phones"]) == 1
    assert [e.move for e in desk.timeline(worker.id)].count("conflict") == 1


def test_facts_told_later_join_those_that_are_known(desk: Desk) -> None:
    case = consult(desk, "k1", facts("张三丰", "王大发"))
    desk.add_words(case.id, "web:1", "m9", "他老婆李四光也有份", facts=facts(None, "李四光"))
    with desk.store.read() as read:
        kept = disputes.facts_of(read, case.id, desk.shield)
    assert kept and [party["name"] for party in kept["opponents"]] == ["王大发", "李四光"]
