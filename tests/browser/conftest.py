"""One Chromium for all browser tests; screenshots go to results/screenshots to be looked at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from tests.running import ROOT, Installation

SHOTS = ROOT / "results" / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; skipped, saying so, where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed here")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def phone(browser: Browser, running: Installation) -> Iterator[Page]:
    """A resident's phone on the chat page, when no case of others is open."""
    running.settle()
    context: BrowserContext = browser.new_context(viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = context.new_page()
    page.goto(running.chat + "/")
    yield page
    context.close()


@pytest.fixture
def staff(browser: Browser, running: Installation) -> Iterator[Callable[[str], Page]]:
    """Signs a member of staff in, each in a browser of their own."""
    contexts: list[BrowserContext] = []

    def sign_in(login: str) -> Page:
        contexts.append(browser.new_context(viewport=DESK, locale="zh-CN"))
        page = contexts[-1].new_page()
        page.goto(running.console + "/sign-in")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", running.password)
        page.click("main button")
        return page

    yield sign_in
    for context in contexts:
        context.close()


@pytest.fixture
def shot() -> Callable[[Page, str], Path]:
    """Takes a screenshot for a person to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> Path:
        path = SHOTS / f"{name}.png"
        try:
            page.screenshot(path=str(path))
        except Error:  # Chromium sometimes has no frame to give while the machine is busy
            page.wait_for_timeout(500)
            page.screenshot(path=str(path))
        return path

    return take
