"""Fields are held against the resident's words before dispatch, and numbers in the words stay hidden."""

from __future__ import annotations

import pytest

from cases.case import Case, Matter, mask_words
from cases.county import County
from cases.desk import Desk
from cases.doubts import doubts, summary
from cases.shield import Shield
from cases.store import Store


@pytest.fixture
def desk(tmp_path, county: County, clock) -> Desk:
    store = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    store.migrate()
    made = Desk(store, county, clock, Shield("test secret"))
    made.hear("web:1", "web", "你好", "r0")
    return made


def filed(desk: Desk, *words: str, **more: object) -> Case:
    known = {"kind": "complaint", "category": "urban.lamp", "town": "430281004"}
    return desk.file(Matter("web:1", words[0][:50], words=words, **{**known, **more}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "more", "doubt"),
    [
        ("路灯坏了，这是第三次反映", {}, "lost_repeat"),
        ("反映了好几次，没人管", {"signals": ("repeat",)}, "lost_no_response"),
        ("路灯杆漏电，刚才有人触电", {}, "danger"),
        ("路灯坏了归谁管？", {}, "question"),
        ("路灯坏了；二、垃圾没人收", {}, "several"),
        ("官庄镇的路灯坏了", {}, "place"),
        ("路灯坏了，打我电话13812345678", {}, "contact"),
        ("路灯坏了，我是430281197001011234", {}, "identity"),
        ("路灯坏了", {"category": None}, "category"),
        ("路灯坏了", {"town": None}, "town"),
    ],
)
def test_what_the_words_say_and_the_fields_lost_is_a_doubt(
    desk: Desk, county: County, words: str, more: dict[str, object], doubt: str
) -> None:
    assert doubt in doubts(filed(desk, words, **more), county)


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("国瓷街道的路灯坏了半个月", {}),
        ("路灯坏了，这是第三次反映", {"signals": ("repeat",)}),
        ("路灯坏了。能不能早点修？", {"kind": "suggestion"}),
        ("屋里起火了", {"emergency": "fire"}),
    ],
)
def test_words_and_fields_that_agree_raise_no_doubt(
    desk: Desk, county: County, words: str, more: dict[str, object]
) -> None:
    assert doubts(filed(desk, words, **more), county) == []


def test_the_summary_is_made_of_the_residents_words_alone(desk: Desk) -> None:
    case = filed(desk, "尊敬的领导您好，我家门口的路灯坏了半个月。天天黑，老人摔了一跤！")
    assert summary(case) == "我家门口的路灯坏了半个月。"
    long = filed(desk, "路" * 200)
    assert len(summary(long)) == 60 and summary(long)[:-1] in long.words[0]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("打我电话13812345678谢谢", "打我电话138****5678谢谢"),
        ("我是430281197001011234", "我是430***********1234"),
        ("电话一三八一二三四五六七八", "电话一三八****五六七八"),
        ("座机0731-23231234", "座机073******1234"),
        ("编号 MH20261124-000123", "编号 MH20261124-000123"),
        ("欠我3000块，2026年11月24日", "欠我3000块，2026年11月24日"),
    ],
)
def test_numbers_in_words_are_shown_with_their_middle_hidden(words: str, shown: str) -> None:
    assert mask_words(words) == shown
