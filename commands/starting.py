"""Brings an installation to where it can run, and runs it."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from typing import Any

from commands.installation import ROOT, api_port, bot_port, console_port, make_folders, open_store, var
from commands.teaching import train
from commands.terminal import Stop, say


def register(commands: Any) -> None:
    """Run, prepare, train."""
    for name, command in {"run": run, "prepare": prepare_command, "train": train_command}.items():
        commands.add_parser(name, help=command.__doc__).set_defaults(run=command)


def run(_: argparse.Namespace) -> int:
    """Prepares and starts every process; Ctrl-C ends them all."""
    for name, number in (
        ("residents' chat", bot_port()),
        ("staff console", console_port()),
        ("interface", api_port()),
    ):
        refuse_taken(name, number)
    prepared = subprocess.run([sys.executable, str(ROOT / "minhu.py"), "prepare"], check=False)
    if prepared.returncode:
        return prepared.returncode
    from honcho.manager import Manager

    manager = Manager()
    for name in ("bot", "console", "api", "relay", "address"):
        manager.add_process(name, f"exec {sys.executable} -W ignore {ROOT / 'minhu.py'} {name}", cwd=str(ROOT))
    manager.loop()
    return 0 if manager.returncode in (130, 143, -2, -15) else int(manager.returncode or 0)


def refuse_taken(name: str, number: int) -> None:
    """Raises Stop when somebody else listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as taken:
            ports = {bot_port(): "MINHU_BOT_PORT", console_port(): "MINHU_CONSOLE_PORT"}
            variable = ports.get(number, "MINHU_API_PORT")
            raise Stop(f"Port {number} for the {name} is taken. Free it, or set {variable} to another.") from taken


def prepare_command(_: argparse.Namespace) -> int:
    """Everything that `run` needs, without running it."""
    prepare()
    return 0


def prepare() -> None:
    """Brings an installation to where it can run; what is done already is not done again."""
    make_folders()
    open_store()
    train()
    index_knowledge()


def index_knowledge() -> None:
    """Builds the search index, or finds it built."""
    from knowledge.guides import GuideError
    from knowledge.library import Library
    from knowledge.passage_store import SearchUnavailable

    started = time.monotonic()
    try:
        Library.open(var())
    except GuideError as wrong:
        raise Stop(f"A guide has an error: {wrong}") from wrong
    except SearchUnavailable as wrong:
        raise Stop(str(wrong)) from wrong
    if time.monotonic() - started > 5:
        say(f"Knowledge indexed, {time.monotonic() - started:.0f} s")


def train_command(_: argparse.Namespace) -> int:
    """Trains anew, whatever is there."""
    make_folders()
    train(force=True)
    return 0
