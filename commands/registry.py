"""Imports and exports what cases point to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands.installation import make_folders, open_store
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Registry import, export."""
    parts = commands.add_parser("registry", help="Import and export what cases point to.").add_subparsers(required=True)
    sub = parts.add_parser("import", help=registry_import.__doc__)
    sub.add_argument("file", help="a CSV or xlsx table; city/registry.csv is an example")
    sub.add_argument("--dry-run", action="store_true", help="only count what is new, changed, the same")
    sub.add_argument("--author", default="table", help="whose work it is, for the audit log")
    sub.set_defaults(run=registry_import)
    sub = parts.add_parser("export", help=registry_export.__doc__)
    sub.add_argument("file", help="a name ending in .csv or .xlsx")
    sub.set_defaults(run=registry_export)


def registry_import(given: argparse.Namespace) -> int:
    """Takes a table of the registry in, all or nothing; `--dry-run` only counts."""
    from cases import registry_table
    from cases.desk import Refused
    from cases.registry import Registry
    from cases.registry_form import RegistryRefused

    make_folders()
    desk = open_store()
    registry = Registry(desk.store, desk.county, desk.clock)
    try:
        content = Path(given.file).read_bytes()
        counts = registry_table.take_in(registry, content, by=given.author, dry_run=given.dry_run)
    except OSError as wrong:
        raise Stop(f"Can't read {given.file}: {wrong.strerror}.") from wrong
    except RegistryRefused as refused:
        raise Stop("\n  ".join(["nothing was taken in:", *(fault.told("en") for fault in refused.faults)])) from refused
    except Refused as refused:
        raise Stop("nothing was taken in: an entry was changed meanwhile, try again") from refused
    say(f"new {counts.new}, changed {counts.changed}, same {counts.same}{' (dry run)' if given.dry_run else ''}")
    return 0


def registry_export(given: argparse.Namespace) -> int:
    """Writes the registry, without persons, into a table for a spreadsheet."""
    from cases import registry_table
    from cases.registry import Registry

    path = Path(given.file)
    if (ending := path.suffix.lstrip(".").lower()) not in (registry_table.CSV, registry_table.XLSX):
        raise Stop(f"{path} must end in .csv or .xlsx")
    make_folders()
    desk = open_store()
    path.write_bytes(registry_table.export(Registry(desk.store, desk.county, desk.clock), ending))
    say(f"written: {path}")
    return 0
