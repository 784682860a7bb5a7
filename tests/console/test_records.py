"""Records of group service in the console: filing, a problem that becomes a case, an opinion settled, who sees what."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from cases.desk import Desk
from cases.records import KINDS, Record, Records
from cases.redact import UNIT, redact
from tests.console.conftest import ROLES, Staff
from tests.running import ROOT

VIEWERS, EDITORS = {"operator", "administrator", "leader", "unit"}, {"operator", "administrator"}
GRID, TOWN, OTHER = "430281002007-01", "430281002", "430281004"
FORM = {"kind": "problem", "words": "路灯坏了<script>alert(1)</script>，找我 13812345678", "grid": GRID, "ref": "r1"}
FORMS = {"/records": FORM, "/records/1/case": {"category": "urban.lamp"}, "/records/2/settle": {"done": "已说明"}}
WORDS = yaml.safe_load((ROOT / "console/words.yml").read_text(encoding="utf-8"))


@pytest.fixture
def records(app: Any) -> Records:
    made: Records = app.state.books.records
    return made


@pytest.fixture
def two(records: Records) -> tuple[Record, Record]:
    """A problem and an opinion."""
    known = {"channel": "group", "author": "example-grid-001", "words": FORM["words"], "grid": GRID}
    return records.file(kind="problem", ref="g1", **known), records.file(kind="opinion", ref="g2", **known)


@pytest.mark.parametrize("role", ROLES)
def test_the_pages_are_for_their_roles_only(role: str, staff: Callable[..., Staff], two: tuple[Record, Record]) -> None:
    who = staff(role, "town-002") if role == "unit" else staff(role)
    for page in ("/records", "/records/1"):
        assert who.get(page).status_code == (200 if role in VIEWERS else 403)
        assert (f'method="post" action="{page}' in who.get(page).text) == (role in EDITORS)


def test_nobody_sees_records_without_signing_in(visitor: Staff, two: tuple[Record, Record]) -> None:
    for page in ("/records", "/records/1"):
        assert visitor.get(page).headers["location"] == "/sign-in"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", [*sorted(set(ROLES) - EDITORS), "without a token"])
def test_who_may_not_changes_nothing(
    form: str, role: str, staff: Callable[..., Staff], records: Records, two: tuple[Record, Record], desk: Desk
) -> None:
    if role in ROLES:
        answer = staff(role).post(form, **FORMS[form])
    else:
        answer = staff("operator").client.post(form, data={**FORMS[form], "token": "wrong"})
    assert answer.status_code == 403 and records.find() == [two[1], two[0]]
    assert desk.queue(role="operator") == []


def test_a_unit_sees_its_own_towns_records_only(staff: Callable[..., Staff], two: tuple[Record, Record]) -> None:
    own, other, city = staff("unit", "town-002"), staff("unit", "town-004"), staff("unit", "housing")
    assert "/records/1" in own.get("/records").text and own.get("/records/1").status_code == 200
    for who in (other, city):
        assert "/records/1" not in who.get("/records").text and who.get("/records/1").status_code == 403


def test_a_record_is_filed_once_however_often_the_button_is_pressed(
    staff: Callable[..., Staff], records: Records
) -> None:
    clerk = staff("operator")
    fresh = re.search(r'name="ref" value="([^"]+)"', clerk.get("/records").text)
    assert fresh
    for _ in range(2):
        assert "已记下" in clerk.post("/records", **{**FORM, "ref": fresh.group(1)}).text
    [made] = records.find()
    assert (made.author, made.channel, made.town) == ("example-operator", "console", TOWN)
    page = clerk.get("/records").text
    assert "138****5678" in page and "13812345678" not in page and "<script>alert" not in page
    assert clerk.get("/records?kind=publicity").text.count("/records/1") == 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "gossip"}, "没有这种类型"),
        ({"words": " "}, "内容为空"),
        ({"author": "nobody"}, "没有这个网格员"),
        ({"grid": "x"}, "对不上"),
        ({"town": OTHER}, "对不上"),
        ({"ref": "x" * 200}, "重新打开"),
    ],
)
def test_a_form_with_a_fault_comes_back_as_it_was_filled_in(
    wrong: dict[str, str], told: str, staff: Callable[..., Staff], records: Records
) -> None:
    answer = staff("operator").post("/records", **{**FORM, "group_name": "示例群", **wrong})
    assert answer.status_code == 422 and told in answer.text and "示例群" in answer.text and records.find() == []


def test_a_problem_becomes_a_case_once(
    staff: Callable[..., Staff], records: Records, two: tuple[Record, Record], desk: Desk
) -> None:
    clerk = staff("operator")
    assert "没有这个单位或类别" in clerk.post("/records/1/case", category="no.such").text
    for _ in range(2):
        answer = clerk.post("/records/1/case", category="urban.lamp", kind="complaint")
        assert answer.url.path == "/cases/LL20261124-000001"
    [case] = desk.queue(role="operator")
    assert (case.category, case.domain, case.grid, case.words) == (
        "urban.lamp", "urban", GRID, (redact(FORM["words"], UNIT),)
    )  # fmt: skip
    assert desk.unanswered(0) == [] or all(m.conversation_id == "web:1" for m in desk.unanswered(0))
    assert case.number in clerk.get("/records").text and "13812345678" not in answer.text
    assert "只有“问题反映”" in clerk.post("/records/2/case", category="urban.lamp").text
    assert clerk.post("/records/99/case").status_code == 404


def test_an_opinion_is_settled_once(staff: Callable[..., Staff], two: tuple[Record, Record], records: Records) -> None:
    clerk = staff("administrator")
    assert "/records/2" in clerk.get("/records?open=1").text
    assert "请写明怎么处置" in clerk.post("/records/2/settle", done=" ").text
    assert "已在群里说明" in clerk.post("/records/2/settle", done="已在群里说明").text
    assert "已经有人处置" in clerk.post("/records/2/settle", done="又说明了").text
    assert records.record(2).done == "已在群里说明" and "/records/2" not in clerk.get("/records?open=1").text
    assert clerk.post("/records/99/settle", done="x").status_code == 404


@pytest.mark.parametrize("path", ["/records/99", f"/records/{2**70}"])
def test_a_record_that_is_not_there_is_not_found(path: str, staff: Callable[..., Staff]) -> None:
    assert staff("operator").get(path).status_code == 404


def test_the_counts_of_the_last_days_are_shown(staff: Callable[..., Staff], two: tuple[Record, Record]) -> None:
    page = staff("leader").get("/records?page=9999999999999999999").text
    assert re.findall(r"<b>(\d+)</b><span>", page) == ["0", "0", "1", "0", "1"]


def test_every_kind_refusal_and_act_has_its_words() -> None:
    source = (ROOT / "cases/records.py").read_text(encoding="utf-8")
    wanted = {f"record_{kind}" for kind in KINDS} | {f"refused_{x}" for x in re.findall(r'Refused\("(\w+)"\)', source)}
    wanted |= {f"audit_record_{what}" for what in re.findall(r'_note\(write, \w+, "(\w+)"', source)}
    assert len(wanted) > 12 and wanted - set(WORDS) == set()
