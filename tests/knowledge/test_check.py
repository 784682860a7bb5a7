"""`minhu knowledge check`: what ships has no fault, and each kind of fault that is planted is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowledge.check import counsel_faults, faults
from knowledge.consulting import Counsels
from knowledge.guides import GuideError, load_guides
from knowledge.library import read_yaml
from knowledge.statutes import Statutes
from tests.knowledge.conftest import TODAY
from tests.running import ROOT

SHIPPED = ROOT / "knowledge/services/unpaid-wages.yml"


@pytest.fixture
def planted(tmp_path: Path, statutes: Statutes) -> Callable[[Callable[[Any], None]], list[str]]:
    """The faults of one shipped guide after a change."""

    def check(change: Callable[[Any], None]) -> list[str]:
        guide = yaml.safe_load(SHIPPED.read_text("utf-8"))
        guide["related"] = []
        change(guide)
        (tmp_path / "services").mkdir(exist_ok=True)
        (tmp_path / "services/unpaid-wages.yml").write_text(yaml.safe_dump(guide, allow_unicode=True), "utf-8")
        return list(faults(tmp_path, statutes, read_yaml("blanks.yml"), TODAY))

    return check


def test_what_ships_has_no_fault() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "knowledge.check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_there_are_as_many_guides_as_promised() -> None:
    kinds = [guide.kind for guide in load_guides(ROOT / "knowledge")]
    assert kinds.count("service") >= 200 and kinds.count("regulation") >= 150


def test_an_untouched_guide_has_no_fault(planted: Any) -> None:
    assert planted(lambda guide: None) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda g: g["grounds"][0].update(law="噪声污染防治法", article=61), "is repealed"),
        (lambda g: g["grounds"][0].update(law="劳动合同法", article=200), "has no article 200"),
        (lambda g: g["grounds"][0].update(law="市民广场舞管理法"), "is not in the store"),
        (lambda g: g["grounds"][0].update(law="医疗保障法", article=1), "not yet in force"),
        (lambda g: g["grounds"][2]["says"].update(zh="按百分之三百加付赔偿金"), "doesn't hold the number"),
        (lambda g: g["grounds"][0]["says"].update(zh="狗要拴绳子遛狗拴好"), "word pairs"),
        (lambda g: g.update(review="2026-11-01"), "its review was due on 2026-11-01"),
        (lambda g: g.update(checked="2027-01-01"), "has not come"),
        (lambda g: g.update(checked="soon"), "must be dates"),
        (lambda g: g.update(grounds=[]), "stands on no article"),
        (lambda g: g["short"].update(zh="长" * 81), "longer than 80"),
        (lambda g: g["short"].pop("en"), "short has no en"),
        (lambda g: g["how"]["en"].pop(), "lines in Chinese"),
        (lambda g: g["where"].update(en="somewhere"), "other blanks in English"),
        (lambda g: g["asked"].update(zh=["讨薪"]), "fewer than 5"),
        (lambda g: g.update(hotlines=["0731-1234567"]), "national short number"),
        (lambda g: g.update(related=["nothing-like-it"]), "no other guide"),
        (lambda g: g["local"].update(zh="{blank:my_own}", en="{blank:my_own}"), "no blank my_own"),
        (lambda g: g["source"].pop("publisher"), "source has no publisher"),
        (lambda g: g["how"]["zh"].__setitem__(0, "按《合同法》第60条办"), "is repealed"),
    ],
)
def test_a_planted_fault_is_told(change: Callable[[Any], None], told: str, planted: Any) -> None:
    assert any(told in line for line in planted(change)), planted(change)


def test_a_file_that_is_no_guide_is_one_clear_line(tmp_path: Path, statutes: Statutes) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services/broken.yml").write_text("code: [", "utf-8")
    with pytest.raises(GuideError, match=r"^broken\.yml: "):
        list(faults(tmp_path, statutes, (), TODAY))


def test_every_period_a_consultation_is_told_stands_in_its_article(statutes: Statutes) -> None:
    table = read_yaml("consulting.yml")
    codes = {guide.code for guide in load_guides(ROOT / "knowledge")}
    assert list(counsel_faults(Counsels(table), codes, statutes, TODAY)) == []
    table["periods"]["labour"]["zh"] = "劳动仲裁要在五年内申请"
    assert len(list(counsel_faults(Counsels(table), codes, statutes, TODAY))) == 1
    table["first_words"]["wage_protest"][1]["zh"] = "堵门堵路，扰乱单位秩序的，可以处警告或者九百元以下罚款"
    assert len(list(counsel_faults(Counsels(table), codes, statutes, TODAY))) == 2
    assert list(counsel_faults(Counsels(table), set(), statutes, date(2026, 11, 26)))
