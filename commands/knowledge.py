"""Checks, imports, exports and loads what the bot may say."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands.installation import live_knowledge, make_folders, var
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Knowledge check, import, export, load."""
    knowledge = commands.add_parser("knowledge", help="Check, import, export and load what the bot may say.")
    parts = knowledge.add_subparsers(dest="part", required=True)
    sub = parts.add_parser("check", help=knowledge_check.__doc__)
    sub.add_argument("words", nargs="*", help="only faults with these words")
    sub.set_defaults(run=knowledge_check)
    sub = parts.add_parser("import", help=knowledge_import.__doc__)
    sub.add_argument("files", nargs="+")
    sub.set_defaults(run=knowledge_import)
    sub = parts.add_parser("export", help=knowledge_export.__doc__)
    sub.add_argument("file", help="a name ending in .csv or .xlsx")
    sub.set_defaults(run=knowledge_export)
    sub = parts.add_parser("load", help=knowledge_load.__doc__)
    sub.add_argument("file", help="a table as `export` writes it")
    sub.add_argument("--author", default="table", help="whose work it is; somebody else has to sign it")
    sub.set_defaults(run=knowledge_load)


def knowledge_check(given: argparse.Namespace) -> int:
    """Every citation, number and date of the shipped guides, and of the county's own answers."""
    from knowledge import check as shipped
    from knowledge.editing import Editor
    from knowledge.live import COUNTY

    status = shipped.main(given.words)
    own = [(guide, found) for guide, found in Editor(live_knowledge()).due() if guide.path == COUNTY]
    for guide, found in own:
        say(f"{guide.code}: {'; '.join(fault.told('en') for fault in found)}")
    return 1 if own else status


def knowledge_import(given: argparse.Namespace) -> int:
    """Takes in official texts (Markdown, txt, docx, JSON lines); running processes use them within seconds."""
    from knowledge.official_text import OfficialTextError
    from knowledge.statutes import Statutes

    make_folders()
    for file in given.files:
        try:
            say(f"{file}: {Statutes.import_text(var(), Path(file))} articles")
        except (OfficialTextError, OSError) as wrong:
            raise Stop(str(wrong)) from wrong
    return 0


def knowledge_export(given: argparse.Namespace) -> int:
    """Writes all answers into a table for a spreadsheet."""
    from knowledge import table
    from knowledge.editing import Editor

    path = Path(given.file)
    path.write_bytes(table.export(Editor(live_knowledge()), path.suffix.lstrip(".").lower()))
    say(f"written: {path}")
    return 0


def knowledge_load(given: argparse.Namespace) -> int:
    """Puts the rows of a table that differ from what is in use up for signing; any bad row stops all."""
    from knowledge import table
    from knowledge.editing import Editor, EditRefused

    try:
        taken = table.take_in(Editor(live_knowledge()), table.read(Path(given.file).read_bytes()), given.author)
    except OSError as wrong:
        raise Stop(str(wrong)) from wrong
    except EditRefused as refused:
        raise Stop("\n  ".join(["nothing was taken in:", *(fault.told("en") for fault in refused.faults)])) from refused
    say(f"{len(taken)} waiting for a second person in the console")
    return 0
