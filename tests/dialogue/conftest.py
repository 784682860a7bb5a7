"""A fresh resident for every test, all talking to one running bot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases.case import Case
from cases.county import County
from cases.desk import Desk
from cases.store import Store
from tests.dialogue.resident import Resident
from tests.running import ROOT, Installation


@pytest.fixture
def resident(running: Installation) -> Resident:
    """Somebody who opens the chat for the first time, when no case of others is open."""
    running.settle()
    return Resident(running.chat)


@pytest.fixture
def neighbour(running: Installation) -> Resident:
    """Somebody else."""
    return Resident(running.chat)


@pytest.fixture(scope="session")
def desk(running: Installation) -> Desk:
    """The running installation's desk, to see what was really stored."""
    return Desk(Store(running.database_url), County.load(ROOT / "city"))


@pytest.fixture
def case_of(desk: Desk) -> Callable[[str | None], Case]:
    """The stored case of a number that the bot told."""

    def find(number: str | None) -> Case:
        assert number, "no number was told"
        return desk.case(number)

    return find
