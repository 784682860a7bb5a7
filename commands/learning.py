"""Learns from a county's own work orders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands.installation import TRIAGE, city, learnt_file
from commands.teaching import prepare_models
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Learn."""
    sub = commands.add_parser("learn", help=learn.__doc__)
    sub.add_argument("file", nargs="?", help="old work orders: CSV with a header, or JSON lines")
    sub.add_argument("--undo", action="store_true", help="go back to what was learnt before")
    sub.set_defaults(run=learn)


def learn(given: argparse.Namespace) -> int:
    """Learns classes from the county's old work orders (CSV or JSON lines); keeps it only if it reads better."""
    from cases.county import County
    from nlu import history
    from nlu.triage import Reader

    prepare_models()
    if given.undo:
        say("undone" if history.undo(learnt_file()) else "nothing was learnt, so there is nothing to undo")
        return 0
    if not given.file:
        raise Stop("Which file? minhu learn HISTORY.csv")
    try:
        orders, unknown = history.read_history(Path(given.file), County.load(city()))
        report = history.learn(orders, unknown, Reader.load(city(), TRIAGE, learnt_file()), learnt_file())
    except history.HistoryError as wrong:
        raise Stop(str(wrong)) from wrong
    for label, number in report.unknown.items():
        say(f"left out: {number} of class {label!r}, which city/ doesn't know")
    say(f"{report.orders} work orders, {report.held} of them held back to try it on")
    say(f"{'':<12}{'before':>8}{'after':>8}")
    for name in ("accuracy", "macro_f1"):
        say(f"{name:<12}{getattr(report.before, name):>8.3f}{getattr(report.after, name):>8.3f}")
    say("kept; `minhu learn --undo` goes back" if report.kept else "not better, so nothing was changed")
    return 0
