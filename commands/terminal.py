"""How a command speaks to the person at the terminal."""

from __future__ import annotations


class Stop(Exception):
    """Ends a command with one clear line for the person at the terminal."""


def say(line: str) -> None:
    """One line of progress."""
    print(line, flush=True)


def tell(counts: dict[str, int]) -> None:
    """Counts by table."""
    for table, number in sorted(counts.items()):
        say(f"  {table:<22}{number:>9}")
