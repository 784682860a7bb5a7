"""Fixtures that several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Installation, installation

os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole product on free ports: bot, console and relay over a fresh SQLite installation."""
    with installation(tmp_path_factory.mktemp("installation") / "var", "bot", "console", "relay") as made:
        yield made


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data; tests that need it are skipped, saying so, where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Under MINHU_REFUSE_SKIPS a skipped test is a failed one: CI has everything that a test may need."""
    if os.environ.get("MINHU_REFUSE_SKIPS") and call.excinfo and call.excinfo.errisinstance(pytest.skip.Exception):
        call.excinfo = pytest.ExceptionInfo.from_exc_info(
            (AssertionError, AssertionError(f"skipped, though nothing may be: {call.excinfo.value}"), call.excinfo.tb)
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's own event loop stays in the main thread until the session ends."""
    items.sort(key=lambda item: "/browser/" in item.nodeid)
