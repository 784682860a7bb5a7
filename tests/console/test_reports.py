"""The page of assessment reports: who sees it, what stands on it, and the same as a workbook."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from cases.county import County
from cases.desk import Desk
from cases.report_table import ReportWords
from cases.reports import Report
from cases.shield import Shield
from cases.store import Store
from cases.stored_reports import due_reports, keep_report
from console import sign_in_page
from console.app import make_app
from console.trend import FRAME, lines, shares
from tests.cases.conftest import Clock
from tests.cases.month import END, START, november
from tests.console.conftest import PASSWORD, Staff


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, county: County) -> Desk:
    """A desk ten minutes after the month was over, its reports stored."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('month') / 'minhu.db'}")
    store.migrate()
    clock = Clock()
    made = Desk(store, county, clock, Shield("test secret"))
    november(made, clock)
    made.enrol(PASSWORD)
    keep_report(store, county, "monthly", date(2026, 10, 1), clock())
    due_reports(store, county, clock)
    return made


@pytest.fixture
def look(
    month: Desk, county: County, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Staff]:  # fmt: skip
    """A browser signed in as somebody of a role."""
    monkeypatch.setenv("MINHU_VAR", str(tmp_path))
    sign_in_page._failures.clear()
    app = make_app(month, county, "session secret")

    def sign_in(role: str = "leader", language: str = "zh") -> Staff:
        someone = Staff(TestClient(app))
        login = next(m.login for m in county.staff if m.role == role)
        assert someone.post("/sign-in", login=login, password=PASSWORD).url.path == "/"
        if language == "en":
            someone.post("/language", language="en")
        return someone

    return sign_in


def table(page: str, name: str) -> dict[str, dict[str, str]]:
    """A table of the page: row name -> heading -> text."""
    part = re.search(rf"<summary>{name} .*?</details>", page, re.S)
    assert part, name
    heads = [re.sub("<[^>]*>", "", h).strip() for h in re.findall(r"<th(?: title[^>]*)?>(.*?)</th>", part[0], re.S)]
    found = {}
    for row in re.findall(r"<tr ?[^>]*><th scope.*?</tr>", part[0], re.S):
        cells = [
            " ".join(re.sub("<[^>]*>", "", c).split()) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        found[cells[0]] = dict(zip(heads[1:], cells[1:], strict=True))
    return found


def test_the_page_shows_the_last_whole_month_with_its_figures(look: Callable[..., Staff]) -> None:
    page = look().get("/reports").text
    assert "2026-11-01 00:00 – 2026-12-01 00:00" in page and "还没结束" not in page
    units = table(page, "承办单位")
    assert units["合计"]["按时办结率"] == "60.0% 6/10" and units["合计"]["未评价"] == "2"
    assert units["城市管理和综合执法局"]["解决率"] == "50.0% 2/4"
    assert units["受理席（未派单、退回、重开）"]["即时交办率"] == "85.7% 12/14"
    assert table(page, "镇街")["国瓷街道"]["每件退单"] == "0.33"
    assert {"网格", "村/社区", "市级", "法律顾问"} <= set(table(page, "层级"))


def test_the_page_speaks_english(look: Callable[..., Staff]) -> None:
    page = look(language="en").get("/reports").text
    body = page[page.index("<main>") :]
    assert table(page, "Units")["Total"]["Satisfaction"] == "50.0% 2/4"
    left = re.sub(r'<small>.*?</small>|<th scope="row">.*?</th>', "", body, flags=re.S)
    assert not re.search("[一-鿿]", left)


def test_bad_figures_are_red_and_good_ones_not(look: Callable[..., Staff]) -> None:
    page = look().get("/reports").text
    row = re.search(r"城市管理和综合执法局</a></th>.*?</tr>", page, re.S)
    assert row and '<td class="red">50.0%' in row[0]
    assert '<td class="">100.0%' in page


@pytest.mark.parametrize(("period", "day", "shown"), [
    ("daily", "2026-11-18", "2026-11-18 00:00 – 2026-11-19 00:00"),
    ("weekly", "2026-11-18", "2026-11-16 00:00 – 2026-11-23 00:00"),
    ("monthly", "2026-10-31", "2026-10-01 00:00 – 2026-11-01 00:00"),
    ("monthly", "nonsense", "2026-11-01 00:00 – 2026-12-01 00:00"),
    ("yearly", "2026-11-18", "2026-11-01 00:00 – 2026-12-01 00:00"),
    ("daily", "2031-01-01", "2026-11-30 00:00 – 2026-12-01 00:00"),
    ("daily", "9999-12-31", "2026-11-30 00:00 – 2026-12-01 00:00"),
    ("daily&step=earlier", "2026-11-18", "2026-11-17 00:00"),
    ("monthly&step=later", "2026-10-18", "2026-11-01 00:00"),
    ("daily&step=earlier", "0001-01-01", "2026-11-30 00:00"),
])  # fmt: skip
def test_a_period_is_chosen_and_nonsense_leads_to_the_last_whole_one(
    period: str, day: str, shown: str, look: Callable[..., Staff]
) -> None:
    answer = look().get(f"/reports?period={period}&day={day}")
    assert answer.status_code == 200 and shown in answer.text


def test_a_running_period_says_that_it_is_not_over(look: Callable[..., Staff]) -> None:
    page = look("operator").get("/reports?period=monthly&day=2026-12-01").text
    assert "2026-12-01 00:00 – 2026-12-01 00:10" in page and "还没结束" in page and "下一期" not in page


def test_the_workbook_is_the_same_report(look: Callable[..., Staff]) -> None:
    answer = look("administrator").get("/reports.xlsx?period=monthly&day=2026-11-11")
    assert 'filename="monthly-2026-11-01.xlsx"' in answer.headers["content-disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert len(book.sheetnames) == 6 and book.worksheets[0]["C4"].value == 9


def test_nothing_on_the_page_needs_a_style_or_script_of_its_own(look: Callable[..., Staff]) -> None:
    page = look().get("/reports").text
    assert " style=" not in page and "<style" not in page and page.count("<script") == 1
    assert page.count("<polyline") >= 4 and 'class="shares"' in page


def test_a_unit_leads_to_its_open_cases(look: Callable[..., Staff], month: Desk) -> None:
    leader = look()
    assert '<a href="/?unit=housing">住房和城乡建设局</a>' in leader.get("/reports").text
    numbers = set(re.findall(r"LL\d{8}-\d{6}", leader.get("/?unit=housing").text))
    assert numbers == {c.number for c in month.queue(role="unit", unit="housing")} and len(numbers) == 1
    assert len(set(re.findall(r"LL\d{8}-\d{6}", leader.get("/?unit=nonsense").text))) == 3


def test_a_unit_cannot_ask_for_the_cases_of_another(look: Callable[..., Staff], county: County) -> None:
    page = look("unit").get("/?unit=housing").text
    own = next(m.unit for m in county.staff if m.role == "unit")
    assert own != "housing" and not re.findall(r"LL\d{8}-\d{6}", page)


# --- drawing ---------------------------------------------------------------------------------------------------------


def report(**counts: int) -> Report:
    return Report(START, END, counts, {}, "")


def test_a_line_is_broken_where_a_period_has_no_rate() -> None:
    good, none = report(responded=1, respond_due=2), report()
    drawn = {line.code: line for line in lines([good, good, none, good], ReportWords.load(), "en")}
    response = drawn["response"]
    assert len(response.stretches) == 1 and len(response.dots) == 3 and drawn["satisfaction"].dots == ()
    assert {dot.y for dot in response.dots} == {FRAME.y(0.5)} and FRAME.y(1) < FRAME.y(0.5) < FRAME.y(0)
    assert response.dots[0].x == FRAME.left and response.dots[-1].x == FRAME.width - FRAME.right


def test_shares_fill_the_bar() -> None:
    parts = shares({"settled_grid": 1, "settled_town": 3})
    assert [(p.code, p.x, p.width) for p in parts] == [("grid", 0, FRAME.width / 4), ("town", FRAME.width / 4, 540.0)]
    assert shares({}) == []


def test_one_period_stands_in_the_middle() -> None:
    assert FRAME.left < FRAME.x(0, 1) < FRAME.width - FRAME.right
