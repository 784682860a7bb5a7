"""One library over the real store, its index built in a folder of its own; today is a day that does not move."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from knowledge.library import Library
from knowledge.statutes import Statutes

TODAY = date(2026, 11, 25)


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's index is built."""
    return tmp_path_factory.mktemp("knowledge")


@pytest.fixture(scope="session")
def library(var: Path) -> Library:
    """The library as residents meet it."""
    return Library.open(var, today=lambda: TODAY)


@pytest.fixture(scope="session")
def statutes() -> Statutes:
    """The statutes without anything imported."""
    return Statutes.open()
