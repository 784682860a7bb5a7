"""Several residents with one case: each is told, none sees another."""

from __future__ import annotations

import pytest

from cases.case import Case, Matter
from cases.desk import Desk, NotFound, Refused
from cases.store import outbox
from tests.cases.test_lifecycle import count

TOWN, VILLAGE, OTHER = "430281004", "430281004001", "430281004002"


def filed(desk: Desk, key: str = "k", **more: object) -> Case:
    known = {
        "kind": "complaint",
        "words": ("路灯坏了，我是张三",),
        "category": "urban.lamp",
        "town": TOWN,
        "village": VILLAGE,
    }
    return desk.file(Matter("web:1", key, **{**known, **more}))  # type: ignore[arg-type]


@pytest.fixture
def neighbour(desk: Desk) -> str:
    desk.hear("web:2", "web", "the lamps are out", "r0", language="en")
    return "web:2"


def test_alike_are_open_complaints_of_others_of_the_same_category_and_place(desk: Desk, neighbour: str) -> None:
    same, nowhere = filed(desk), filed(desk, "k2", village=None)
    filed(desk, "k3", village=OTHER)
    filed(desk, "k4", category="urban.property")
    filed(desk, "k5", kind="suggestion")
    filed(desk, "k6", emergency="fire")
    assert [c.id for c in desk.alike(neighbour, "urban.lamp", TOWN, VILLAGE)] == [nowhere.id, same.id]
    assert desk.alike("web:1", "urban.lamp", TOWN, VILLAGE) == []


def test_a_follower_gets_every_notice_in_their_own_language(desk: Desk, neighbour: str) -> None:
    case = filed(desk)
    desk.join(case.id, neighbour, "j1", ("they are out here too",))
    case = desk.case(case.id)
    desk.move(case.id, "register", actor="o", role="operator", version=case.version)
    mine = [m.text for m in desk.transcript("web:1") if m.author == "notice"]
    theirs = [m.text for m in desk.transcript(neighbour) if m.author == "notice"]
    assert len(mine) == len(theirs) == 1 and "立案" in mine[0] and "registered" in theirs[0]


def test_joining_twice_is_joining_once_and_keeps_the_words_out_of_the_other_residents_case(
    desk: Desk, neighbour: str
) -> None:
    case = filed(desk)
    for ref in ("j1", "j1", "j2"):
        desk.join(case.id, neighbour, ref, ("这里也黑", "学校门口"))
    assert desk.followers(case.id) == 1
    assert [e.note for e in desk.timeline(case.id) if e.move == "join"] == ["这里也黑\n学校门口"]
    assert desk.case(case.id).words == case.words
    assert [c.id for c in desk.cases_of(neighbour)] == [case.id]


def test_a_case_that_is_closed_cannot_be_joined(desk: Desk, neighbour: str) -> None:
    case = filed(desk)
    desk.withdraw(case.id, "web:1", "w1", "好了")
    before = count(desk, outbox)
    with pytest.raises(Refused, match="join_not_now"):
        desk.join(case.id, neighbour, "j1", ("也黑",))
    assert desk.followers(case.id) == 0 and count(desk, outbox) == before


def test_a_follower_who_withdraws_only_leaves(desk: Desk, neighbour: str) -> None:
    case = filed(desk)
    desk.join(case.id, neighbour, "j1", ("也黑",))
    assert desk.withdraw(case.id, neighbour, "w1", "不管了").status == "reported"
    assert desk.followers(case.id) == 0 and desk.cases_of(neighbour) == []
    with pytest.raises(NotFound):
        desk.urge(case.id, neighbour, "u1", "快点")


def test_words_and_rating_of_a_follower_stand_beside_those_of_the_first_resident(desk: Desk, neighbour: str) -> None:
    case = filed(desk, kind="complaint")
    desk.join(case.id, neighbour, "j1", ("也黑",))
    desk.add_words(case.id, neighbour, "a1", "小学门口也不亮")
    assert desk.case(case.id).words == case.words
    with pytest.raises(Refused, match="rate_not_now"):
        desk.rate(case.id, neighbour, "q0", 1)
    for move, role, known in (
        ("register", "operator", {}), ("dispatch", "operator", {}), ("accept", "unit", {}),
        ("answer", "unit", {"note": "修好了"}), ("close", "operator", {"verified": "resident"}),
    ):  # fmt: skip
        now = desk.case(case.id)
        desk.move(case.id, move, actor="s", role=role, version=now.version, **known)
    rated = desk.rate(case.id, neighbour, "q1", 2, "还是黑")
    assert rated.status == "closed" and rated.rating is None
    assert desk.rate(case.id, "web:1", "q2", 5).rating == 5


def test_nobody_acts_on_a_case_they_neither_filed_nor_joined(desk: Desk, neighbour: str) -> None:
    case = filed(desk)
    for act in (
        lambda: desk.urge(case.id, neighbour, "1", "快"),
        lambda: desk.add_words(case.id, neighbour, "2", "还有"),
        lambda: desk.withdraw(case.id, neighbour, "3", "算了"),
        lambda: desk.rate(case.id, neighbour, "4", 1),
    ):
        with pytest.raises(NotFound):
            act()
