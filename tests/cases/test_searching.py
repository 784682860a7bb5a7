"""Finding cases by words and numbers: complete whatever the index knows, and no index can stop a move."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk
from cases.queues import LAST
from cases.searching import AT_ONCE, MOST, CaseIndex
from cases.shield import Shield
from cases.store import Store, cases
from tests.cases.moves import walk

File = Callable[..., Case]


@pytest.fixture
def index(store: Store) -> CaseIndex:
    return CaseIndex(store)


@pytest.fixture
def file(desk: Desk) -> File:
    def made(words: str, **more: str) -> Case:
        desk.hear("web:1", "web", words, words)
        return desk.file(Matter("web:1", words, "complaint", (words,), **more))

    return made


def found(desk: Desk, words: str, **more: str) -> list[str]:
    return [case.words[0] for case in desk.queue(**{"role": "operator", "search": words, **more})]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("路灯", ["国瓷路的路灯坏了", "Lamp C12 路灯又坏了"]),
        ("路灯坏了", ["国瓷路的路灯坏了"]),
        ("灯", ["国瓷路的路灯坏了", "Lamp C12 路灯又坏了"]),
        ("了", ["国瓷路的路灯坏了", "Lamp C12 路灯又坏了"]),
        ("lamp c12", ["Lamp C12 路灯又坏了"]),
        ("12", ["Lamp C12 路灯又坏了"]),
        ("amp", ["Lamp C12 路灯又坏了"]),
        ('说"臭"，很', ['垃圾说"臭"，很臭']),
        ("100%", ["100%没人管"]),
        ("1%", []),
        ("_", []),
        ("路坏", []),
        ("没有的事", []),
        ("' OR 1=1 --", []),
        ('"', ['垃圾说"臭"，很臭']),
        ("\\", []),
        ("  路灯坏了 ", ["国瓷路的路灯坏了"]),
    ],
)
def test_a_search_finds_exactly_what_was_said(
    desk: Desk, file: File, index: CaseIndex, search: str, expected: list[str], known: bool
) -> None:
    for words in ("国瓷路的路灯坏了", "Lamp C12 路灯又坏了", '垃圾说"臭"，很臭', "100%没人管"):
        file(words)
    if known:
        assert index.catch_up() == 4 and index.catch_up() == 0
    assert found(desk, search) == expected


@pytest.mark.parametrize("known", [False, True])
def test_a_case_is_found_by_its_number_or_the_end_of_it(desk: Desk, file: File, index: CaseIndex, known: bool) -> None:
    number = file("一").number
    file("二")
    if known:
        index.catch_up()
    digits = "".join(sign for sign in number if sign.isdigit())
    for said in (number, number.lower(), digits, number[-6:], number[-4:], digits[-7:], f" {number} "):
        assert found(desk, said) == ["一"], said
    assert found(desk, "9999") == []


def test_what_changed_since_is_found_at_once_and_what_went_is_not(desk: Desk, file: File, index: CaseIndex) -> None:
    case = file("路灯坏了")
    index.catch_up()
    desk.add_words(case.id, "web:1", "r2", "灯杆是歪的")
    assert found(desk, "歪的") == ["路灯坏了"]
    index.catch_up()
    assert found(desk, "歪的") == ["路灯坏了"]
    desk.move(case.id, "hide", actor="x", role="operator", version=desk.case(case.id).version, part="歪的")
    assert found(desk, "歪的") == []
    assert index.catch_up() == 1 and found(desk, "灯杆") == ["路灯坏了"]


def test_ended_cases_are_found_behind_the_open_ones_and_only_ones_own(desk: Desk, file: File, index: CaseIndex) -> None:
    old, new, open_one = file("路灯一", category="urban.lamp"), file("路灯二"), file("路灯三")
    for case in (old, new):
        walk(desk, case, "register", "dispatch", "accept", "answer", "close")
    assert found(desk, "路灯") == ["路灯三", "路灯二", "路灯一"]
    index.catch_up()
    assert found(desk, "路灯") == ["路灯三", "路灯二", "路灯一"]
    assert found(desk, "路灯", status="closed") == ["路灯二", "路灯一"]
    assert found(desk, "路灯", status="reported") == ["路灯三"]
    unit = desk.case(old.id).unit
    assert unit and found(desk, "路灯", role="unit", unit=unit) == ["路灯一"]
    assert found(desk, "路灯", role="unit", unit="housing") == []
    assert found(desk, "路灯", role="unit") == [] and found(desk, "路灯", role="adviser") == []
    assert desk.queue(role="unit") == [] and desk.case(open_one.id).status == "reported"


def test_a_unit_that_helps_finds_the_case_too(desk: Desk, file: File, index: CaseIndex) -> None:
    case = walk(desk, file("路灯坏了"), "register")
    given = {"unit": "urban-management", "support": ("power",)}
    desk.move(case.id, "dispatch", actor="x", role="operator", version=case.version, **given)
    for _ in range(2):
        assert found(desk, "路灯", role="unit", unit="power") == ["路灯坏了"]
        assert [c.id for c in desk.queue(role="unit", unit="power")] == [case.id]
        index.catch_up()


SPOILT = (
    "delete from case_search_data",
    "update case_search_data set block = x'0001'",
    "drop table case_search_data",
    "delete from case_search_content",
    "drop table case_search",
)


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_broken_index_stops_no_move_and_mends_itself(spoil: str, tmp_path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    store.migrate()
    desk = Desk(store, County.load("city"), shield=Shield("test secret"))
    index = CaseIndex(store)
    desk.hear("web:1", "web", "路灯坏了", "1")
    case = desk.file(Matter("web:1", "1", "complaint", ("路灯坏了",)))
    index.catch_up()
    with store.write() as write:
        write.execute(sa.text(spoil))
    walk(desk, case, "register", "dispatch", "accept", "answer", "close")
    desk.hear("web:1", "web", "路灯又坏了", "2")
    desk.file(Matter("web:1", "2", "complaint", ("路灯又坏了",)))
    index.catch_up()
    index.make_again()
    index.catch_up()
    assert found(desk, "路灯") == ["路灯又坏了", "路灯坏了"]
    with store.read() as read:
        assert read.execute(sa.text("pragma integrity_check")).scalars().all() == ["ok"]


def test_an_index_that_went_is_made_again_from_the_cases(
    desk: Desk, file: File, index: CaseIndex, store: Store
) -> None:
    file("路灯坏了")
    index.catch_up()
    with store.write() as write:
        write.execute(sa.text("drop table case_search"))
    assert found(desk, "路灯") == ["路灯坏了"]
    file("路灯又坏了")
    index.catch_up()
    assert found(desk, "路灯") == ["路灯坏了", "路灯又坏了"]


def test_more_than_the_index_names_are_found_in_the_queues_order(
    desk: Desk, file: File, index: CaseIndex, store: Store
) -> None:
    first = file("路灯坏了")
    with store.write() as write:
        row = dict(write.execute(sa.select(cases)).mappings().one())
        rows = [{**row, "id": n, "number": f"X{n:06d}", "filing_key": f"k{n}"} for n in range(2, MOST + 3)]
        write.execute(cases.insert(), rows)
    assert index.take_in() == AT_ONCE
    assert index.catch_up() == MOST + 2 - AT_ONCE
    told = desk.queue(role="operator", search="路灯")
    assert [case.id for case in told] == list(range(1, 51)) and told[0].id == first.id
    assert [case.id for case in desk.queue(role="operator", search="路灯", page=21)] == [1001, 1002]
    assert desk.queue(role="operator", page=10**9) == desk.queue(role="operator", page=LAST)


def test_nothing_of_what_was_said_stays_in_the_index(desk: Desk, file: File, index: CaseIndex, store: Store) -> None:
    case = file("饕餮路的路灯坏了")
    index.catch_up()
    desk.move(case.id, "hide", actor="x", role="operator", version=case.version, part="饕餮")
    index.forget(sa.true())
    if store.on_sqlite:
        with store.read() as read:
            blocks = b"".join(read.execute(sa.text("select block from case_search_data")).scalars())
            kept = str(read.execute(sa.text("select * from case_search_content")).fetchall())
        assert "路灯".encode() in blocks and "饕".encode() not in blocks and "饕" not in kept
    assert found(desk, "饕餮") == [] and found(desk, "路灯") == ["██路的路灯坏了"]
