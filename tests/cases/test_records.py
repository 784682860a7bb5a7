"""Records of group service: filed once, public without numbers, problems that become cases, opinions dealt with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from cases.audit import latest, verify
from cases.case import Matter
from cases.county import County
from cases.desk import Desk
from cases.errors import NotFound, Refused
from cases.records import KINDS, Count, Record, Records
from cases.store import Store, cases
from tests.cases.conftest import Clock

GRID, VILLAGE, TOWN = "430281002007-01", "430281002007", "430281002"
OTHER_TOWN = "430281004"
WORKER = "example-grid-001"
PROBLEM = {
    "kind": "problem",
    "ref": "group:7:1",
    "channel": "group",
    "author": WORKER,
    "words": "路灯坏了",
    "grid": GRID,
}


@pytest.fixture
def records(store: Store, county: County, clock: Clock) -> Records:
    return Records(store, county, clock)


def matter(**more: Any) -> Matter:
    return Matter("web:1", "", **{"kind": "complaint", "words": (), "category": "urban.lamp", **more})


def actions(store: Store) -> list[str]:
    """What the audit log says of records, oldest first; the chain is whole."""
    with store.read() as read:
        assert verify(read)
        return [f"{e.action} {e.object} {e.actor}" for e in latest(read, 100) if e.action.startswith("record_")][::-1]


def count_cases(store: Store) -> int:
    with store.read() as read:
        return int(read.execute(sa.select(sa.func.count()).select_from(cases)).scalar_one())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_filed_with_its_place_and_words_verbatim(records: Records, kind: str) -> None:
    given = {**PROBLEM, "kind": kind, "words": " 明天停水\n请储水 ", "group_id": "7", "group_name": "示例群"}
    made = records.file(**given)
    assert records.record(made.id) == made and records.find(kind=kind) == [made]
    assert (made.words, made.town, made.village, made.grid) == (" 明天停水\n请储水 ", TOWN, VILLAGE, GRID)
    assert made.state == ("open" if kind == "opinion" else None) and made.group_name == "示例群"
    assert actions(records.store) == [f"record_file {kind}/{made.id} {WORKER}"]


def test_the_same_ref_is_the_same_record_even_from_several_at_once(records: Records) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: records.file(**{**PROBLEM, "words": f"第 {n} 次"}), range(16)))
    assert len({record.id for record in made}) == 1 and len({record.words for record in made}) == 1
    assert len(records.find()) == 1 and len(actions(records.store)) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"kind": "gossip"}, "record_kind"),
        ({"ref": ""}, "record_ref"),
        ({"ref": "x" * 161}, "record_ref"),
        ({"words": " \n"}, "record_words"),
        ({"words": "字" * 4001}, "record_words"),
        ({"author": "nobody"}, "record_author"),
        ({"author": ""}, "record_author"),
        ({"grid": "430281002007-99"}, "unknown_place"),
        ({"grid": None, "village": "1"}, "unknown_place"),
        ({"grid": None, "town": "1"}, "unknown_place"),
        ({"village": "430281002008"}, "unknown_place"),
        ({"town": OTHER_TOWN}, "unknown_place"),
    ],
)
def test_a_record_with_a_fault_is_refused_and_leaves_no_trace(
    records: Records, wrong: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused, match=code):
        records.file(**{**PROBLEM, **wrong})
    assert records.find() == [] and actions(records.store) == []


def test_what_a_group_sees_holds_no_number(records: Records) -> None:
    made = records.file(**{**PROBLEM, "words": "找我 138 1234 5678，身份证 430281199001011234"})
    assert made.public_words == "找我 138******5678，身份证 430***********1234"
    assert "13812345678" in made.words.replace(" ", "")


def test_a_problem_becomes_a_case_once_with_its_own_words_and_place(records: Records, desk: Desk) -> None:
    made = records.file(**PROBLEM)
    case = records.become_case(made.id, desk, matter(words=("别的话",)), by="o")
    assert (case.words, case.grid, case.town, case.category) == (("路灯坏了",), GRID, TOWN, "urban.lamp")
    assert records.record(made.id).case_id == case.id and records.cases_of([records.record(made.id)]) == {
        made.id: case.number
    }
    desk.hear("web:2", "web", "hello", "r0")
    again = records.become_case(made.id, desk, Matter("web:2", "other", "complaint", ("x",)), by="p")
    assert again == case and count_cases(records.store) == 1
    assert actions(records.store)[1:] == [f"record_case problem/{made.id} o"]


def test_a_case_filed_before_the_process_was_killed_is_found_again(records: Records, desk: Desk) -> None:
    class Killed(Desk):
        def file(self, matter: Matter) -> Any:
            super().file(matter)
            raise KeyboardInterrupt

    made = records.file(**PROBLEM)
    with pytest.raises(KeyboardInterrupt):
        records.become_case(made.id, Killed(desk.store, desk.county, desk.clock, desk.shield), matter(), by="o")
    assert records.record(made.id).case_id is None and count_cases(records.store) == 1
    desk.hear("web:2", "web", "hello", "r0")
    case = records.become_case(made.id, desk, Matter("web:2", "", "complaint", ()), by="p")
    assert case.conversation_id == "web:1" and count_cases(records.store) == 1


def test_the_clerks_town_counts_where_the_problem_lies_elsewhere(records: Records, desk: Desk) -> None:
    made = records.file(**PROBLEM)
    case = records.become_case(made.id, desk, matter(town=OTHER_TOWN), by="o")
    assert (case.town, case.village, case.grid) == (OTHER_TOWN, None, None)


def test_only_a_problem_becomes_a_case_and_only_an_opinion_is_settled(records: Records, desk: Desk) -> None:
    notice, problem = records.file(**{**PROBLEM, "kind": "publicity"}), records.file(**{**PROBLEM, "ref": "2"})
    with pytest.raises(Refused, match="record_no_problem"):
        records.become_case(notice.id, desk, matter(), by="o")
    with pytest.raises(Refused, match="record_no_opinion"):
        records.settle(problem.id, done="解释了", by="o")
    with pytest.raises(NotFound):
        records.settle(99, done="解释了", by="o")
    with pytest.raises(NotFound):
        records.record(2**70)
    assert count_cases(records.store) == 0 and len(actions(records.store)) == 2


def test_an_opinion_stands_open_until_somebody_says_what_was_done_once(records: Records, clock: Clock) -> None:
    made = records.file(**{**PROBLEM, "kind": "opinion"})
    assert records.find(open_only=True) == [made]
    with pytest.raises(Refused, match="record_done_words"):
        records.settle(made.id, done="  ", by="o")
    clock.move(hours=1)
    done = records.settle(made.id, done="已在群里说明", by="o")
    assert (done.state, done.done, done.done_by, done.done_at) == ("done", "已在群里说明", "o", clock())
    with pytest.raises(Refused, match="record_done_before"):
        records.settle(made.id, done="又说明了", by="p")
    assert records.record(made.id) == done and records.find(open_only=True) == []
    assert actions(records.store)[1:] == [f"record_settle opinion/{made.id} o"]


def test_records_are_found_by_kind_and_place_newest_first(records: Records, desk: Desk) -> None:
    here = records.file(**PROBLEM)
    there = records.file(**{**PROBLEM, "ref": "2", "grid": None, "town": OTHER_TOWN})
    nowhere = records.file(**{**PROBLEM, "ref": "3", "grid": None, "kind": "convenience"})
    assert records.find() == [nowhere, there, here] and records.find(page=2) == []
    assert records.find(kind="problem") == [there, here]
    assert records.find(town=TOWN) == records.find(grid=GRID) == records.find(towns={TOWN}) == [here]
    assert records.find(towns=set()) == []
    records.become_case(here.id, desk, matter(), by="o")
    assert [record.id for record in records.find(open_only=True)] == [there.id]


def test_records_are_counted_by_the_countys_days_grids_and_kinds(records: Records, clock: Clock) -> None:
    def file(n: int, **more: Any) -> Record:
        return records.file(**{**PROBLEM, "ref": str(n), **more})

    file(1), file(2), file(3, kind="publicity")
    clock.move(hours=14)  # sixteen o'clock UTC: the next day in the county
    file(4), file(5, grid=None, town=OTHER_TOWN)
    first, second = date(2026, 11, 24), date(2026, 11, 25)
    counted = [
        Count(first, TOWN, GRID, "problem", 2),
        Count(first, TOWN, GRID, "publicity", 1),
        Count(second, TOWN, GRID, "problem", 1),
        Count(second, OTHER_TOWN, None, "problem", 1),
    ]
    assert records.counts(first, second) == counted
    assert records.counts(first, first) == counted[:2] and records.counts(second, second, {OTHER_TOWN}) == counted[3:]
    assert records.counts(second, first) == []
