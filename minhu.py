"""The commands of Minhu: prepare, run its processes, and work through old messages in batches."""

from __future__ import annotations

import argparse
import sys

from commands import (
    api_keys,
    audit,
    backup,
    batches,
    checking,
    keys,
    knowledge,
    learning,
    registry,
    reports,
    residents,
    serving,
    starting,
)
from commands.installation import settle_environment
from commands.terminal import Stop

#: in the order in which the help lists them
GROUPS = (
    starting,
    checking,
    serving,
    api_keys,
    knowledge,
    registry,
    keys,
    reports,
    learning,
    batches,
    residents,
    audit,
    backup,
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="minhu", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for group in GROUPS:
        group.register(commands)
    return top


def main() -> int:
    """Entry point. What goes wrong in a way that is expected ends in one line and status 2."""
    given = parser().parse_args()
    settle_environment()
    try:
        return int(given.run(given))
    except Stop as stop:
        print(f"minhu: {stop}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
