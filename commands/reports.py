"""Figures of a day, week or month."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands.installation import make_folders, open_store
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Report daily, weekly, monthly, check."""
    sub = commands.add_parser("report", help="Figures of a period, and whether stored ones still come out the same.")
    periods = sub.add_subparsers(dest="part", required=True)
    for period in ("daily", "weekly", "monthly"):
        sub = periods.add_parser(period, help=report.__doc__)
        sub.add_argument("--date", help="any day of the period as 2026-11-30 (default: the last one that is over)")
        sub.add_argument("--out", metavar="FILE.xlsx", help="also as a workbook")
        sub.add_argument("--language", choices=("zh", "en"), default="zh")
        sub.set_defaults(run=report)
    periods.add_parser("check", help=report_check.__doc__).set_defaults(run=report_check)


def report(given: argparse.Namespace) -> int:
    """The figures of a day, week or month by unit, and as xlsx; stored once the period is over."""
    from datetime import date

    from cases import stored_reports
    from cases.report_book import workbook
    from cases.report_table import ReportWords, rows, written

    make_folders()
    desk, words = open_store(), ReportWords.load()
    now = desk.clock()
    try:
        day = date.fromisoformat(given.date) if given.date else stored_reports.last_over(desk.county, given.part, now)
        found = stored_reports.keep_report(desk.store, desk.county, given.part, day, now)
    except ValueError as wrong:
        raise Stop(f"--date {given.date}: {wrong}") from wrong
    lines = rows(found, desk.county, "units", given.language, words, page_only=True)
    begins = f"{found.start.astimezone(desk.county.zone):%Y-%m-%d}"
    say("\t".join([begins, *(cell.figure.name[given.language] for cell in lines[0].cells)]))
    for line in lines:
        say("\t".join([line.name, *(written(cell) for cell in line.cells)]))
    if given.out:
        try:
            Path(given.out).write_bytes(workbook(found, desk.county, given.part))
        except OSError as refused:
            raise Stop(f"Can't write {given.out}: {refused.strerror}.") from refused
        say(f"written: {given.out}")
    return 0


def report_check(_: argparse.Namespace) -> int:
    """Computes every stored report anew and tells what differs."""
    from cases.stored_reports import check_reports

    make_folders()
    desk, differing = open_store(), 0
    for found in check_reports(desk.store, desk.county):
        differing += 1
        where = " ".join(part for part in (found.view, found.code, found.count) if part)
        numbers = f": stored {found.stored}, now {found.now}" if found.count else " differ, the figures do not"
        say(f"{found.period} {found.start.astimezone(desk.county.zone):%Y-%m-%d} {where}{numbers}")
    say(f"{differing} differences" if differing else "every stored report comes out the same")
    return 1 if differing else 0
