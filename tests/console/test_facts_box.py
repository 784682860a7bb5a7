"""The case page shows the facts of a consultation; names only to those who deal with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk
from tests.console.conftest import Staff
from tests.running import ROOT

WORDS = yaml.safe_load((ROOT / "console/words.yml").read_text("utf-8"))
FACTS: dict[str, Any] = {
    "opponents": [{"role": "employer", "name": "王大发<b>", "whole": True}], "amounts": [32000.0],
    "dates": ["2025-10-01"], "evidence": ["chat", "iou"], "lacking": ["contract"], "wanted": ["pay"],
    "phones": ["13900001111"], "own_name": "张三丰",
}  # fmt: skip


@pytest.fixture
def consultation(desk: Desk, county: County) -> Case:
    town = county.advisers[0].towns[0]
    words = ("老板欠我钱",)
    return desk.file(Matter("web:1", "law", "consultation", words, town=town, contact="13812345678", facts=FACTS))


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_the_box_tells_the_facts(staff: Callable[..., Staff], consultation: Case) -> None:
    page = staff("operator").get(f"/cases/{consultation.number}").text
    told = plain(page)
    parties, proof = ("用人单位、老板 王大发", "张三丰", "139****1111"), ("聊天记录 · 借条、欠条", "合同、保单")
    for words in (*parties, *proof, "32,000", "2025-10-01", "要回钱"):
        assert words in told, words
    assert "王大发<b>" not in page and "王大发&lt;b&gt;" in page and "13900001111" not in page


@pytest.mark.parametrize("role", ["adviser", "administrator"])
def test_who_deals_with_it_sees_names(role: str, staff: Callable[..., Staff], consultation: Case) -> None:
    assert "王大发" in staff(role).get(f"/cases/{consultation.number}").text


def test_a_leader_sees_names_masked(staff: Callable[..., Staff], consultation: Case) -> None:
    page = staff("leader").get(f"/cases/{consultation.number}").text
    assert "王**" in page and "王大发" not in page and "张三丰" not in page and "32,000" in page


def test_where_a_conflict_cannot_be_ruled_out_the_adviser_is_told(
    staff: Callable[..., Staff], consultation: Case, desk: Desk, county: County
) -> None:
    unknown = desk.file(Matter("web:1", "x", "consultation", ("想离婚",), town=county.advisers[0].towns[0]))
    adviser = staff("adviser")
    assert WORDS["doubt_parties_unknown"]["zh"] in adviser.get(f"/cases/{unknown.number}").text
    assert WORDS["doubt_parties_unknown"]["zh"] not in adviser.get(f"/cases/{consultation.number}").text


def test_an_adviser_passed_over_is_told_in_the_timeline(
    staff: Callable[..., Staff], consultation: Case, desk: Desk
) -> None:
    worker = {"role": "other", "name": "张三丰", "whole": True}
    other = {**FACTS, "opponents": [worker], "own_name": "王大发<b>", "phones": []}
    case = desk.file(Matter("web:1", "o", "consultation", ("x",), town=consultation.town, facts=other))
    assert case.adviser != consultation.adviser
    page = staff("operator").get(f"/cases/{case.number}").text
    assert WORDS["tell_conflict"]["zh"] in page


def test_a_complaint_has_no_box(staff: Callable[..., Staff], file: Callable[..., Case]) -> None:
    assert 'class="facts"' not in staff("operator").get(f"/cases/{file().number}").text


def test_every_code_of_a_fact_has_a_label_in_both_languages() -> None:
    known = yaml.safe_load((ROOT / "nlu/lookups/facts.yml").read_text("utf-8"))
    needed = [f"party_{c}" for c in known["roles"]] + [f"evidence_{c}" for c in known["evidence"]]
    needed += [f"wanted_{c}" for c in (*known["wanted"], "information")]
    needed += ["doubt_conflict", "doubt_parties_unknown", "move_conflict", "refused_conflict", "signal_wage_protest"]
    assert [code for code in needed if not (WORDS.get(code, {}).get("zh") and WORDS.get(code, {}).get("en"))] == []
