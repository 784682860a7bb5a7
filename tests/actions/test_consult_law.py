"""The other side of a dispute is read back, and its facts reach the desk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.consult_law import named_at_last, other_side, told_facts
from actions.draft import Draft
from actions.office import Office
from actions.turn import Turn
from cases import disputes
from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import Store
from tests.running import ROOT

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=timezone.utc)
TERMS = yaml.safe_load((ROOT / "actions/terms.yml").read_text("utf-8"))


@pytest.fixture
def at(tmp_path: Path) -> Office:
    store = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    store.migrate()
    county = County.load(ROOT / "city")
    desk = Desk(store, county, lambda: NOW, Shield("test secret"))
    desk.hear("web:1", "web", "你好", "r0")
    live: Any = None  # no knowledge is looked up here
    return Office(desk, live, county, TERMS)


def said(text: str, intent: str = "inform") -> Turn:
    return Turn("web:1", "r1", text, intent, 1.0, "zh", {}, {})


def test_the_read_back_tells_whom_it_is_with(at: Office) -> None:
    assert other_side(Draft(words=("老板王大发欠我工资",)), at, "zh") == "用人单位、老板 王大发"
    assert other_side(Draft(words=("my boss Wang Dafa owes me wages",)), at, "en") == "employer Wang Dafa"


def test_where_no_name_was_told_the_read_back_says_why_one_helps(at: Office) -> None:
    for words in ("包工头老李不给工钱", "我想离婚"):
        told = other_side(Draft(words=(words,)), at, "zh")
        assert "姓名" in told and "顾问" in told


def test_a_name_told_at_the_read_back_is_kept(at: Office) -> None:
    draft = Draft(words=("老板欠我工资",), asked="confirm")
    assert named_at_last(draft, said("老板叫王大发"), at).words == ("老板欠我工资", "老板叫王大发")
    for turn in (said("对"), said("地址不对"), said("/affirm", "affirm")):
        assert named_at_last(draft, turn, at) is draft
    assert named_at_last(replace(draft, asked="town"), said("老板叫王大发"), at).words == draft.words


def test_the_facts_reach_the_desk_with_the_case(at: Office) -> None:
    draft = Draft(
        kind="consultation", words=("我叫张三丰，老板王大发欠我三万二",), town="430281004", contact="13812345678"
    )
    matter = replace(draft.matter(said("对"), "web:1"), facts=told_facts(draft.words, at).as_json())
    case = at.desk.file(matter)
    with at.desk.store.read() as read:
        facts = disputes.facts_of(read, case.id, at.desk.shield)
    assert facts and facts["amounts"] == [32000.0] and facts["own_name"] == "张三丰"
    assert facts["opponents"] == [{"role": "seller", "name": "王大发", "whole": True}]


def test_every_party_has_its_words() -> None:
    roles = yaml.safe_load((ROOT / "nlu/lookups/facts.yml").read_text("utf-8"))["roles"]
    assert all(TERMS[f"party_{role}"]["zh"] and TERMS[f"party_{role}"]["en"] for role in roles)
