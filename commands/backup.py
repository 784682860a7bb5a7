"""Copies an installation's own data, and brings a copy back."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from commands.installation import city, database_url, dialogue_url, learnt_file, var
from commands.terminal import Stop, say, tell


def register(commands: Any) -> None:
    """Backup, restore."""
    sub = commands.add_parser("backup", help=backup.__doc__)
    sub.add_argument("folder", help="where to; it may not hold anything yet")
    sub.set_defaults(run=backup)
    sub = commands.add_parser("restore", help=restore.__doc__)
    sub.add_argument("folder", help="a backup")
    sub.add_argument("--replace", action="store_true", help="even over data that is here")
    sub.set_defaults(run=restore)


def backup(given: argparse.Namespace) -> int:
    """Copies databases, attachments and what was learnt into FOLDER while the system runs; no keys."""
    from datetime import datetime, timezone

    from cases.backup import BackupError
    from cases.backup import backup as copy

    try:
        tell_report(copy(holdings(), Path(given.folder), datetime.now(timezone.utc)))
    except BackupError as refused:
        raise Stop(str(refused)) from refused
    keys = (path for path in (*var().glob("*.key*"), *var().glob("staff-password")) if path.suffix != ".lock")
    kept_apart = sorted(path.name for path in keys)
    given_key = ["MINHU_SECRET_KEY"] if os.environ.get("MINHU_SECRET_KEY") else []
    say(f"NOT in this backup, keep these apart and safe: {', '.join([*kept_apart, *given_key]) or 'no key yet'}")
    say(f"Without the key of the contacts nobody can read them again. Not in it either: the county's folder {city()}")
    return 0


def restore(given: argparse.Namespace) -> int:
    """Brings a backup back after checking all of it, then compares counts and hashes; status 1 where they differ."""
    from cases.backup import BackupError
    from cases.backup import restore as bring_back

    try:
        done = bring_back(holdings(), Path(given.folder), replace=given.replace)
    except BackupError as refused:
        raise Stop(str(refused)) from refused
    say(f"The backup of {done.made_at} is back:")
    tell_report(done)
    for name in done.differing:
        say(f"DIFFERS: {name}")
    say("Not as backed up. Is something running? Stop it and restore again." if done.differing else
        "Every count and every hash is as backed up.")  # fmt: skip
    say("Put the keys back before anything starts. Residents erased since then are back: erase them again.")
    return 1 if done.differing else 0


def holdings() -> Any:
    """What a backup holds. Whatever can be made again (models, index) is left out, and every key.

    Of the keys of other systems only hashes are kept, so these are in it.
    """
    from cases.backup import Holdings

    urls = {"cases": database_url(), "dialogue": dialogue_url(), "statutes": f"sqlite:///{var() / 'statutes.db'}"}
    if urls["dialogue"] == urls["cases"]:
        del urls["dialogue"]
    files = (learnt_file(), learnt_file().with_suffix(".previous"), var() / "apikeys.csv")
    return Holdings(
        urls, {"attachments": var() / "attachments"}, {file.name: file for file in files}, frozenset({"cases"})
    )


def tell_report(done: Any) -> None:
    """What a backup holds."""
    for name, tables in done.tables.items():
        say(f"{name}:")
        tell(tables)
    say(f"{done.files} files, {done.size / 2**20:.1f} MiB")
