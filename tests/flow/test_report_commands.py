"""The commands for assessment reports as a person at a terminal meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa

from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import Store, events
from tests.cases.conftest import Clock
from tests.cases.month import START, november
from tests.running import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]
#: the story begins in this month, which is over for whoever runs this test
MONTHLY = ("report", "monthly", "--date", "2026-10-15")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store in which a month has happened."""
    url = f"sqlite:///{tmp_path_factory.mktemp('month') / 'minhu.db'}"
    store, clock = Store(url), Clock()
    store.migrate()
    november(Desk(store, County.load(ROOT / "city"), clock, Shield("test secret")), clock)
    return url


@pytest.fixture
def minhu(url: str, tmp_path: Path) -> Run:
    """Runs a command on that store."""
    environment = {**os.environ, "MINHU_VAR": str(tmp_path), "MINHU_DATABASE_URL": url}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "minhu.py", *words], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
        )

    return run


def test_a_month_is_printed_and_written_as_a_workbook(minhu: Run, tmp_path: Path) -> None:
    done = minhu(*MONTHLY, "--language", "en", "--out", str(tmp_path / "out.xlsx"))
    assert done.returncode == 0, done.stderr
    head, total, *units = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    assert head[:3] == ["2026-10-01", "Filed", "Sent"] and total[:3] == ["Total", "2", "2"]
    assert "Urban Management and Law Enforcement Bureau" in {row[0] for row in units}
    assert openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]["C4"].value == 2


def test_stored_reports_are_checked_and_a_difference_is_told(minhu: Run, url: str) -> None:
    assert minhu(*MONTHLY).returncode == 0
    same = minhu("report", "check")
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "every stored report comes out the same")
    with Store(url).write() as write:
        october = sa.select(sa.func.min(events.c.id)).where(events.c.move == "answer", events.c.at < START)
        write.execute(events.delete().where(events.c.id == october.scalar_subquery()))
    other = minhu("report", "check")
    assert other.returncode == 1 and "monthly 2026-10-01 total answered: stored 1, now 0" in other.stdout


@pytest.mark.parametrize("words", [("monthly", "--date", "tomorrow"), ("daily", "--date", "2999-01-01"),
                                   ("monthly", "--date", "2026-10-15", "--out", "/nowhere/out.xlsx")])  # fmt: skip
def test_what_makes_no_sense_is_one_line(words: tuple[str, ...], minhu: Run) -> None:
    done = minhu("report", *words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and words[-1] in done.stderr
