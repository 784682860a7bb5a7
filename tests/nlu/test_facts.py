"""What a consultation tells of a dispute is read into fields, and nothing is read that nobody said."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from nlu.dangers import danger
from nlu.facts import Facts, facts
from nlu.times import moments
from tests.running import ROOT

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Wednesday
ROWS = [json.loads(line) for line in (ROOT / "tests/nlu/sets/facts.jsonl").read_text("utf-8").splitlines()]
#: least precision and recall of every field over all rows
LEAST = {
    "roles": (0.95, 0.95), "names": (0.93, 0.90), "amounts": (0.97, 0.95), "dates": (0.92, 0.97),
    "evidence": (0.93, 0.97), "lacking": (0.93, 0.90), "wanted": (0.90, 0.95), "own_name": (1.0, 1.0),
}  # fmt: skip


def read(text: str) -> Facts:
    return facts(text, NOW)


def found(text: str) -> dict[str, set[Any]]:
    told = read(text)
    own = {told.own_name} - {None}
    names, roles = {o.name for o in told.opponents if o.name}, {o.role for o in told.opponents}
    rest = {name: set(getattr(told, name)) for name in ("amounts", "dates", "evidence", "lacking", "wanted")}
    return {"roles": roles, "names": names, "own_name": own, **rest}


def gold(row: dict[str, Any]) -> dict[str, set[Any]]:
    parties = [tuple(party.split(":", 1)) for party in row["opponents"]]
    rest = {name: set(row[name]) for name in ("amounts", "dates", "evidence", "lacking", "wanted")}
    own = {row["own_name"]} - {None}
    return {"roles": {p[0] for p in parties}, "names": {p[1] for p in parties if p[1:]}, "own_name": own, **rest}


def same(field: str, told: Any, wanted: Any) -> bool:
    """A date is right if it is as exact as it was told: "last October" is any day of it."""
    return told.startswith(wanted) if field == "dates" else told == wanted


def test_every_field_is_read_as_well_as_promised() -> None:
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for row in ROWS:
        told, wanted = found(row["text"]), gold(row)
        for field in LEAST:
            hit = [w for w in wanted[field] if any(same(field, t, w) for t in told[field])]
            right[field] += len(hit)
            missed[field] += len(wanted[field]) - len(hit)
            wrong[field] += sum(not any(same(field, t, w) for w in wanted[field]) for t in told[field])
    scores = {f: (right[f] / (right[f] + wrong[f]), right[f] / (right[f] + missed[f])) for f in LEAST}
    assert {f: s for f, s in scores.items() if s[0] < LEAST[f][0] or s[1] < LEAST[f][1]} == {}


def test_the_set_is_large_enough_and_holds_no_text_twice() -> None:
    assert len(ROWS) >= 100 and len({row["text"] for row in ROWS}) == len(ROWS)
    assert sum(row["text"].isascii() for row in ROWS) >= 20


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("欠我三万二", 32000),
        ("欠我5千多块", 5000),
        ("he owes me 3.5k yuan", 3500),
        ("彩礼18万8", 188000),
        ("赔了一百二十块", 120),
        ("押金两千", 2000),
        ("货款６３０００元", 63000),
        ("¥12,500.50", 12500.5),
        ("RMB 45,000", 45000),
        ("twenty thousand yuan", 20000),
        ("1.2 million yuan", 1_200_000),
        ("十几万的货款", 100000),
    ],
)
def test_money_is_read_however_it_is_written(text: str, yuan: float) -> None:
    assert read(text).amounts == (yuan,)


@pytest.mark.parametrize(
    "text",
    [
        "房子120平方米",
        "我2018年买的房",
        "我们三十几个人",
        "打了12333没人接",
        "我电话13812345678",
        "第26条怎么讲",
        "欠了好几万",
        "住5栋302室",
        "三年级的孩子",
        "劳动合同法第八十五条",
        "2024-05-01签的",
    ],
)
def test_what_is_no_money_is_not_taken_for_any(text: str) -> None:
    assert read(text).amounts == ()


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("去年十月份借的，今年6月30日说还", ("2025-10-01", "2026-06-30")),
        ("24年3月入职，2025年12月31号被辞退", ("2024-03-01", "2025-12-31")),
        ("2024.5.1签的合同", ("2024-05-01",)),
        ("since 3 May 2026, and again in October", ("2026-05-03", "2026-10-01")),
        ("he promised in December 2025", ("2025-12-01",)),
        ("说好年底还", ()),
        ("好几年了", ()),
        ("两三年前的事", ()),
        ("在那里做了五年，", ()),
    ],
)
def test_dates_are_read_and_promises_are_none(text: str, dates: tuple[str, ...]) -> None:
    assert read(text).dates == dates


def test_moments_end_even_where_a_message_is_full_of_them() -> None:
    assert len(moments("，".join(f"2025年{n}月" for n in range(1, 13)), NOW)) == 6


@pytest.mark.parametrize(
    ("text", "evidence", "lacking"),
    [
        ("有合同", ("contract",), ()),
        ("没签合同", (), ("contract",)),
        ("合同被他拿走了", (), ("contract",)),
        ("没有借条，有转账记录", ("transfer",), ("iou",)),
        ("没有录音也没有证人", (), ("recording", "witness")),
        ("there is no contract but I have photos", ("photo",), ("contract",)),
        ("要解除合同", (), ()),
        ("借条怎么写", (), ()),
        ("我有工作证", ("badge",), ()),
    ],
)
def test_proof_at_hand_is_held_apart_from_proof_that_is_missing(
    text: str, evidence: tuple[str, ...], lacking: tuple[str, ...]
) -> None:
    told = read(text)
    assert (told.evidence, told.lacking) == (evidence, lacking)


@pytest.mark.parametrize(
    ("text", "name", "whole"),
    [
        ("老板王大发欠我工资", "王大发", True),
        ("老闆王大發欠我工資", "王大发", True),
        ("老板叫方伟，欠我钱", "方伟", True),
        ("包工头老李不给工钱", "老李", False),
        ("车主姓唐，撞了人就走", "唐", False),
        ("在鑫旺厂上班，厂里拖工资", "鑫旺厂", True),
        ("刘芳欠我货款", "刘芳", True),
        ("my landlord Mr Chen keeps my deposit", "Mr Chen", False),
        ("Zhang Wei owes me 4,500 yuan", "Zhang Wei", True),
    ],
)
def test_the_other_side_is_named_as_the_resident_does(text: str, name: str, whole: bool) -> None:
    told = [(o.name, o.whole) for o in read(text).opponents if o.name]
    assert told == [(name, whole)] and read(text).named == whole


@pytest.mark.parametrize(
    "text",
    [
        "由于老板拖欠工资，我们没办法",
        "向老板要钱",
        "加班费公司从来不算",
        "昨天车祸，对方全责",
        "交通事故保险公司赔了钱",
        "业主拒交物业费，物业停水",
        "公司高管打我",
        "邻居可以作证，老板打了我",
        "医院高兴得很，不赔",
    ],
)
def test_what_is_nobody_s_name_is_not_taken_for_one(text: str) -> None:
    assert [o.name for o in read(text).opponents if o.name] == []


def test_who_helps_is_no_opponent() -> None:
    assert [o.role for o in read("老板欠我工资，邻居可以作证").opponents] == ["employer"]


def test_family_that_is_only_mentioned_is_no_opponent() -> None:
    assert [o.role for o in read("我老婆在厂里上班，老板拖工资").opponents] == ["employer"]


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("我叫于小红，想问离婚", "于小红"),
        ("我是张伟，邻居打了我", "张伟"),
        ("本人刘建军", "刘建军"),
        ("my name is Chen Ming, they cut my power", "Chen Ming"),
        ("我是高中生，被打了", None),
        ("本人同意调解", None),
        ("我叫老板给钱，他不给", None),
    ],
)
def test_residents_name_themselves(text: str, own: str | None) -> None:
    assert read(text).own_name == own


def test_a_number_that_is_the_other_side_s_is_known_for_it() -> None:
    assert read("我电话13812345678，老板电话是139 0000 1111").phones == ("13900001111",)
    assert read("my number is 13812345678").phones == ()


def test_a_question_alone_wants_information() -> None:
    assert read("公证要带什么材料").wanted == ("information",)
    assert "information" not in read("怎么才能要他赔偿").wanted


def test_nothing_said_is_nothing_read() -> None:
    assert read("你好") == Facts() == facts((), NOW)


def test_sentences_of_several_turns_are_read_as_one() -> None:
    told = facts(("老板欠我工资，三万二", "他叫王大发"), NOW)
    assert told.amounts == (32000,) and told.as_json()["opponents"][0]["role"] == "employer"


@pytest.mark.parametrize("text", ["", "欠" * 5000, "1" * 5000, "万" * 3000, "我叫" * 3000, "<b>老板</b>", "/affirm"])
def test_odd_words_neither_fail_nor_hang(text: str) -> None:
    json.dumps(read(text).as_json())


def test_a_protest_for_wages_is_a_signal_and_a_threat_to_life_is_danger() -> None:
    known = yaml.safe_load((ROOT / "nlu/lookups/signals.yml").read_text("utf-8"))["signals"]["wage_protest"]
    protest = re.compile(known, re.IGNORECASE)
    for text in (
        "我们三十几个人在工地门口拉横幅讨薪",
        "老板欠薪跑路，我们堵了厂门",
        "爬塔吊讨薪违法吗",
        "workers blocked the gate for unpaid wages",
    ):
        assert protest.search(text) and danger(text) is None, text
    for text in (
        "再不给钱我就从塔吊上跳下去",
        "有人爬到塔吊上讨薪",
        "不发钱我就跳楼",
        "he is on the crane and will jump",
    ):
        assert danger(text) == "suicide", text
    assert danger("工资不给，老子一把火烧了厂房") == "violence"
    for text in (
        "老板欠我三个月工资",
        "下水道堵了没人修",
        "塔吊司机工资拖欠",
        "昨天工友爬塔吊讨薪被拘了",
    ):
        assert danger(text) is None, text
    assert not protest.search("门口堵路，物业不管") and not protest.search("老板欠我三个月工资")
