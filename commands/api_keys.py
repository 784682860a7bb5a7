"""Keys for other systems."""

from __future__ import annotations

import argparse
from typing import Any

from commands.installation import make_folders, var
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """The key of another system."""
    sub = commands.add_parser("api-key", help=api_key.__doc__)
    sub.add_argument("name", help="of the other system: small letters, digits and hyphens")
    sub.add_argument("--scope", default="file", choices=("file", "read"), help="file and read its own, or only read")
    sub.set_defaults(run=api_key)


def api_key(given: argparse.Namespace) -> int:
    """Makes a key for a system that files over Open311 and prints it once; only its hash is kept."""
    from channels.api_keys import KEYS, ApiKeys

    make_folders()
    try:
        say(ApiKeys(var() / KEYS).make(given.name, given.scope))
    except (ValueError, OSError) as wrong:
        raise Stop(str(wrong)) from wrong
    return 0
