"""The page of assessment reports in a browser, for a person to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import Store
from cases.stored_reports import keep_report
from console.app import make_app
from tests.browser.conftest import DESK
from tests.cases.conftest import Clock
from tests.cases.month import november
from tests.running import ROOT, free_port

PASSWORD = "a password of this test"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a console over a desk where a month has happened."""
    monkeypatch.setenv("MINHU_VAR", str(tmp_path))
    county, clock = County.load(ROOT / "city"), Clock()
    store = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    store.migrate()
    desk = Desk(store, county, clock, Shield("test secret"))
    november(desk, clock)
    desk.enrol(PASSWORD)
    for period, first in (("monthly", (10, 11)), ("daily", range(1, 31))):
        for part in first:
            day = date(2026, part, 1) if period == "monthly" else date(2026, 11, part)
            keep_report(store, county, period, day, clock())
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(make_app(desk, county, "secret"), port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.browser
def test_a_leader_sees_the_month_at_a_glance(
    browser: Browser, served: str, shot: Callable[[Page, str], Path]
) -> None:  # fmt: skip
    context = browser.new_context(viewport=DESK, locale="zh-CN")
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.append(message.text) if "Security" in message.text else None)
    page.goto(served + "/sign-in")
    page.fill("input[name=login]", "example-leader")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button")
    page.click("nav a[href='/reports']")
    assert "2026-11-01" in page.inner_text("h1")
    assert page.evaluate("getComputedStyle(document.querySelector('td.red')).backgroundColor") == "rgb(249, 217, 213)"
    shot(page, "reports")
    page.locator("details.view").first.scroll_into_view_if_needed()
    shot(page, "reports-tables")
    page.select_option("select[name=period]", "daily")
    page.fill("input[name=day]", "2026-11-17")
    page.click("main form.filters button")
    assert "2026-11-17" in page.inner_text("h1")
    shot(page, "reports-daily")
    assert page.evaluate("document.body.scrollWidth <= document.documentElement.clientWidth")
    assert faults == []  # nothing that the content policy refused
    context.close()
