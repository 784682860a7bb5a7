"""The log of who saw and did what."""

from __future__ import annotations

import argparse
from typing import Any

from commands.installation import present_store
from commands.terminal import say


def register(commands: Any) -> None:
    """Audit verify, head."""
    log = commands.add_parser("audit", help="The log of who saw and did what.")
    parts = log.add_subparsers(dest="part", required=True)
    sub = parts.add_parser("verify", help=audit_verify.__doc__)
    sub.add_argument("--head", help="a hash that `audit head` printed once")
    sub.set_defaults(run=audit_verify)
    parts.add_parser("head", help=audit_head.__doc__).set_defaults(run=audit_head)


def audit_verify(given: argparse.Namespace) -> int:
    """Looks at every entry of the audit log; status 1 where one was changed, removed or cut off the end."""
    from cases import audit

    with present_store().read() as read:
        chain = audit.check(read, given.head)
    say(f"{chain.entries} entries, {chain.withheld} of them without the person, who was erased; head {chain.head}")
    if chain.broken:
        say(f"BROKEN at entry {chain.broken.id} of {chain.broken.at.isoformat()}: it, or one before it, was changed")
    elif chain.anchored is False:
        say(f"CUT OFF: no entry has the hash {given.head}")
    return 1 if chain.broken or chain.anchored is False else 0


def audit_head(_: argparse.Namespace) -> int:
    """Prints the hash of the newest entry; kept elsewhere, it shows later that none was cut off: verify --head HASH."""
    from cases import audit

    with present_store().read() as read:
        say(audit.head(read))
    return 0
