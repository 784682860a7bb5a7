"""Residents' rights: all that is kept of one, handed out or forgotten, and what is forgotten with time."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
from pathlib import Path
from typing import Any

from commands.installation import city, dialogue_url, present_store, var
from commands.terminal import Stop, say, tell


def register(commands: Any) -> None:
    """Residents export, erase; retention."""
    rights = commands.add_parser("residents", help="All that is kept of a resident, to be handed out or forgotten.")
    parts = rights.add_subparsers(dest="part", required=True)
    for name, command in {"export": residents_export, "erase": residents_erase}.items():
        sub = parts.add_parser(name, help=command.__doc__)
        sub.add_argument("who", help="a conversation id, or the number of a case they filed")
        sub.add_argument("--reason", required=True, help="why, for the audit log")
        sub.set_defaults(run=command)
        if name == "export":
            sub.add_argument("--into", default=".", help="folder for the zip file")
        else:
            sub.add_argument("--yes", action="store_true", help="do it, instead of showing what would go")
            sub.add_argument("--force", action="store_true", help="even with a case open or a person speaking")
    sub = commands.add_parser("retention", help=retention.__doc__)
    sub.add_argument("--dry-run", action="store_true", help="only show what would go")
    sub.set_defaults(run=retention)


def residents_export(given: argparse.Namespace) -> int:
    """Writes everything kept about one resident into a zip file; that it was asked for is in the audit log."""
    from cases.errors import NotFound, Refused

    residents = open_residents()
    try:
        found = residents.conversation_of(given.who)
        say(str(residents.export(found, Path(given.into), actor=at_terminal(), reason=given.reason)))
    except NotFound as unknown:
        raise Stop(f"There is no resident or case {given.who}.") from unknown
    except Refused as refused:
        raise Stop(refused.code) from refused
    except PermissionError as wrong_key:
        raise Stop(f"{wrong_key}. Put this installation's own key back first.") from wrong_key
    return 0


def residents_erase(given: argparse.Namespace) -> int:
    """Forgets one resident; without --yes it only shows what would go. Numbers, categories, dates and units stay."""
    from cases.audit import Tampered
    from cases.errors import NotFound, Refused

    residents = open_residents()
    try:
        found = residents.conversation_of(given.who)
        told = {"actor": at_terminal(), "reason": given.reason, "dry_run": not given.yes, "force": given.force}
        erased = residents.erase(found, **told)
    except NotFound as unknown:
        raise Stop(f"There is no resident or case {given.who}.") from unknown
    except Tampered as tampered:
        raise Stop(f"{tampered}; nothing was erased. See `minhu audit verify`.") from tampered
    except Refused as refused:
        open_or_held = "; withdraw the cases or give the conversation back first, or add --force"
        raise Stop(refused.code + (open_or_held if refused.code != "reason_missing" else "")) from refused
    say("erased:" if given.yes else "would be erased (add --yes):")
    tell(erased.counts)
    if erased.open_cases:
        how = "they go on without a person" if given.yes else "needs --force"
        say(f"still open, {how}: {' '.join(erased.open_cases)}")
    if erased.held:
        say("a person speaks with this resident" + ("" if given.yes else ": needs --force"))
    if erased.handed_over:
        say("another system has these cases, too, or may have them; have them erased there:")
    for way in erased.handed_over:
        say(f"  {way.number} in {way.system} as {way.their_id or way.token or way.idempotency_key} ({way.state})")
    if erased.filed_by:
        say(f"the system {erased.filed_by} filed for this resident and has what it filed; have it erased there, too")
    return 0


def retention(given: argparse.Namespace) -> int:
    """Removes what tells of persons and is older than city/retention.yml allows; nothing that is open."""
    from cases.county import County, CountyError
    from cases.retention import Periods, Retention

    try:
        periods = Periods.load(city(), County.load(city()))
    except CountyError as wrong:
        raise Stop(f"The county's files have an error: {wrong}") from wrong
    done = Retention(open_residents(), periods).apply(at_terminal(), dry_run=given.dry_run)
    say(("would be removed:" if given.dry_run else "removed:") if done else "nothing is old enough")
    tell(done)
    return 0


def open_residents() -> Any:
    """Residents with everything that is kept of them, wherever it lies."""
    from cases.attachments import Attachments
    from cases.dialogues import Dialogues
    from cases.residents import Residents
    from cases.shield import Shield

    store, folder = present_store(), Attachments(var() / "attachments")
    has_key = os.environ.get("MINHU_SECRET_KEY") or (var() / "contacts.key").exists()
    # where the key has not been put back yet, none is made: one that opens nothing does
    shield = Shield.of_this_installation() if has_key else Shield(secrets.token_urlsafe())
    return Residents(store, folder, Dialogues(dialogue_url(), shield), shield)


def at_terminal() -> str:
    """Who the audit log names for what is done here."""
    return f"terminal:{getpass.getuser()}"
