"""Every check of the project's own code and data."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from commands.installation import ROOT, make_folders
from commands.terminal import say


def register(commands: Any) -> None:
    """Check."""
    commands.add_parser("check", help=check.__doc__).set_defaults(run=check)


def check(_: argparse.Namespace) -> int:
    """Lint, types, layers, dialogue data, knowledge: each is run, whatever the others say."""
    make_folders()
    here = Path(sys.executable).parent
    ours = ["minhu.py", "actions", "cases", "channels", "commands", "console", "e5", "knowledge", "nlu"]
    checks: dict[str, list[Any]] = {
        "ruff": [here / "ruff", "check", "."],
        "format": [here / "ruff", "format", "--check", "."],
        "mypy": [here / "mypy", *ours],
        "layers": [here / "lint-imports"],
        "dialogue": [sys.executable, "-m", "rasa", "data", "validate", "--data", "nlu", "--fail-on-warnings"],
        "knowledge": [sys.executable, "-m", "knowledge.check"],
    }
    failed = [name for name, words in checks.items() if subprocess.run(list(map(str, words)), cwd=ROOT).returncode]
    say(f"checks failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0
