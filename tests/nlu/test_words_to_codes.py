"""What is read out of words without a trained model: places, times, numbers, languages, dangers."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from cases.county import County
from nlu import contacts, dangers
from nlu.language import language
from nlu.places import Gazetteer
from nlu.times import since
from tests.running import ROOT

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=timezone.utc)  # a Wednesday


@pytest.fixture(scope="module")
def county() -> County:
    return County.load(ROOT / "city")


@pytest.fixture(scope="module")
def gazetteer(county: County) -> Gazetteer:
    return Gazetteer(county)


@pytest.mark.parametrize(
    ("text", "town", "village"),
    [
        ("官庄镇", "官庄镇", None),
        ("官庄", "官庄镇", None),
        ("在官庄那边", "官庄镇", None),
        ("官庄村", "官庄镇", "官庄村"),
        ("五里牌社区的路灯坏了", "国瓷街道", "五里牌社区"),
        ("国瓷街道五里牌社区", "国瓷街道", "五里牌社区"),
        ("國瓷街道的路燈壞了", "国瓷街道", None),
        ("国慈街道的路灯坏了", "国瓷街道", None),
        ("李畋镇麻石村7组", "李畋镇", "麻石村"),
        ("Guanzhuang town", "官庄镇", None),
        ("in Dongfu village", "东富镇", "东富村"),
    ],
)
def test_a_place_is_read_however_it_is_written(
    text: str, town: str, village: str | None, gazetteer: Gazetteer, county: County
) -> None:
    place = gazetteer.read(text)
    assert place.town and county.town(place.town).name == town
    assert (county.village(place.village).name if place.village else None) == village


def test_words_that_fit_two_towns_are_never_guessed(gazetteer: Gazetteer, county: County) -> None:
    place = gazetteer.read("石亭枫林那条路")
    assert place.town is None and {county.town(code).name for code in place.candidates} == {"石亭镇", "枫林镇"}


def test_a_negated_place_is_not_taken(gazetteer: Gazetteer, county: County) -> None:
    place = gazetteer.read("不是官庄，是东富")
    assert county.town(place.town or "").name == "东富镇"
    assert "官庄镇" in {county.town(code).name for code in place.negated if len(code) <= 9}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("在车站对面的小巷子里", "车站对面"),
        ("去年十月到十二月在一家瓷厂做事", "一家瓷厂"),
        ("my house is on fire in Dongfu town", "Dongfu town"),
        ("The lamp near the bus station is broken", "bus station"),
        ("国瓷街道五里牌社区的路灯坏了", None),
    ],
)
def test_the_words_for_a_place_are_those_of_the_place_alone(text: str, said: str | None, gazetteer: Gazetteer) -> None:
    assert gazetteer.read(text).said == said


@pytest.mark.parametrize("text", ["我要投诉", "人民医院收费太高", "身份证怎么办", "老板不发工资", "I want to complain"])
def test_words_without_a_place_give_none(text: str, gazetteer: Gazetteer) -> None:
    place = gazetteer.read(text)
    assert place.town is None and place.village is None and not place.candidates


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("从昨天开始就停水了", "2026-11-24"),
        ("前天晚上10点有人放炮", "2026-11-23T22:00"),
        ("三天了没人管", "2026-11-22"),
        ("路灯坏了两个星期了", "2026-11-11"),
        ("从上周一开始", "2026-11-16"),
        ("自2026年3月5日起", "2026-03-05"),
        ("broken for 2 weeks", "2026-11-11"),
        ("since yesterday", "2026-11-24"),
    ],
)
def test_a_time_is_read_and_its_words_are_kept(text: str, at: str) -> None:
    found = since(text, NOW)
    assert found is not None and found.at == at and found.said.strip() and found.said in text


@pytest.mark.parametrize("text", ["路灯坏了", "我有三个小孩", "我要投诉物业", "the lamp is broken"])
def test_no_time_is_made_up(text: str) -> None:
    assert since(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("我的电话是13812345678", "13812345678"),
        ("打 138 1234 5678", "13812345678"),
        ("幺三八幺二三四五六七八", "13812345678"),
        ("一三八一二三四五六七八", "13812345678"),
        ("座机0731-23221234", "073123221234"),
        ("+86 138-1234-5678", "13812345678"),
        ("电话13812345678，不对，是13912345678", "13912345678"),
        ("my number is 13812345678, sorry, it's 13912345678", "13912345678"),
        ("13812345678或者13912345678都行", "13812345678"),
    ],
)
def test_a_phone_number_is_read_in_figures_and_in_words(text: str, number: str) -> None:
    assert contacts.phone(text) == number


@pytest.mark.parametrize("text", ["430281199001011234", "LL20261125-000001", "12345", "三天了没人管", "1381234567"])
def test_what_is_no_phone_number_is_not_taken_for_one(text: str) -> None:
    assert contacts.phone(text) is None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("路灯坏了一个星期了，电话13812345678，不对，是13912345678", "路灯坏了一个星期了"),
        ("路灯坏了，我叫李四，手机13812345678，快来修", "路灯坏了，我叫李四，快来修"),
        ("The lamp is out, my number is 138 1234 5678", "The lamp is out"),
        ("我的电话是13812345678", "我的电话是13812345678"),
        ("LL20261125-000001 怎么样了", "LL20261125-000001 怎么样了"),
    ],
)
def test_what_a_message_means_is_read_without_its_phone_number(text: str, left: str) -> None:
    assert contacts.without_phones(text) == left


@pytest.mark.parametrize("text", ["ll20261125-000001", "LL20261125000001", "LL20261125 — 000001", "LL20261125－000001"])
def test_a_case_number_is_read_however_it_is_typed(text: str) -> None:
    assert contacts.case_number(f"编号 {text}") == "LL20261125-000001"


@pytest.mark.parametrize(
    ("text", "score"),
    [("5分", 5), ("非常满意", 5), ("很不满意", 1), ("不满意", 2), ("一般般吧", 3), ("满意", 4), ("three stars", 3)],
)
def test_a_rating_is_read_from_figures_and_words(text: str, score: int) -> None:
    assert contacts.rating(text) == score


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("你好", "zh"),
        ("ok", "en"),
        ("路灯坏了，wifi也没有", "zh"),
        ("Guanzhuang", "en"),
        ("The water is yellow", "en"),
        ("Здравствуйте, у меня проблема", "ru"),
        ("こんにちは、助けてください", "ja"),
        ("안녕하세요 도와주세요", "ko"),
        ("Xin chào, tôi cần giúp đỡ", "vi"),
        ("12345", "zh"),
        ("", "zh"),
    ],
)
def test_a_language_is_told_by_script_and_short_words_are_not_misjudged(text: str, code: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("着火了快来人", "fire"),
        ("屋里煤气味好大头好晕", "gas"),
        ("有人掉塘里了", "drowning"),
        ("我不想活了", "suicide"),
        ("我崽走丢了", "missing"),
        ("my house is on fire", "fire"),
    ],
)
def test_danger_to_life_is_heard(text: str, code: str) -> None:
    assert dangers.danger(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "消防演练什么时候",
        "火爆的烧烤店太吵",
        "煤气费怎么交",
        "去年着火的房子还没修",
        "灭火器过期了",
        "急死我了这个证到底怎么办",
    ],
)
def test_a_drill_a_fee_or_a_figure_of_speech_is_no_danger(text: str) -> None:
    assert dangers.danger(text) is None
