"""The keys that seal who complained: a new one, and what needs the old ones still."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from commands.installation import database_url, dialogue_url
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Key rotate, check."""
    key = commands.add_parser("key", help="The keys that seal who complained.").add_subparsers(
        dest="part", required=True
    )
    key.add_parser("rotate", help=key_rotate.__doc__).set_defaults(run=key_rotate)
    key.add_parser("check", help=key_check.__doc__).set_defaults(run=key_check)


def key_rotate(_: argparse.Namespace) -> int:
    """Makes a new key, seals everything with it and drops the old one; may be killed and run again."""
    from filelock import Timeout

    from cases.conversations import now_utc
    from cases.sealing import note_rotation, reseal, rotate
    from cases.shield import Shield, key_file

    stores = sealed_stores()
    if not os.environ.get("MINHU_SECRET_KEY"):
        Shield.of_this_installation()
        try:
            say(f"{rotate(stores, key_file(), now_utc)} rows resealed; {key_file()} holds the new key alone.")
        except Timeout as busy:
            raise Stop("Another rotation is running.") from busy
        say("Backups made before need the key from before.")
        return 0
    shield = Shield.of_this_installation()
    if shield.keys == 1:
        raise Stop(
            "Put a new key before the old one in MINHU_SECRET_KEY (new,old), restart every process, run this again."
        )
    done = reseal(stores, shield)
    note_rotation(stores[0], now_utc(), done)
    say(f"{done} rows resealed with the first key; once `minhu key check` agrees, take the others out.")
    return 0


def key_check(_: argparse.Namespace) -> int:
    """How many texts each key sealed; status 1 if some are in the clear or no key opens them."""
    from collections import Counter

    from cases.sealing import count
    from cases.shield import Shield

    told = count(sealed_stores(), Shield.of_this_installation())
    names = {-1: "in the clear", None: "no key here opens them", 0: "newest key"}
    total: Counter[int | None] = sum(told.values(), Counter())
    for column, numbers in told.items():
        for number, rows in numbers.items():
            say(f"{column:32} {rows:8}  {names.get(number, f'key {(number or 0) + 1}')}")
    say(f"{sum(total.values())} texts; {'only the newest key is needed' if set(total) <= {0} else 'keep every key'}")
    return 1 if total[-1] or total[None] else 0


def sealed_stores() -> list[Any]:
    """The databases with something sealed in them: the case system, and what the bot remembers of dialogues."""
    import sqlalchemy as sa

    from cases.store import Store

    dialogue = dialogue_url()
    made = sa.engine.make_url(dialogue)
    there = made.get_backend_name() != "sqlite" or Path(made.database or "").exists()
    return [Store(url) for url in dict.fromkeys([database_url(), *([dialogue] if there else [])])]
