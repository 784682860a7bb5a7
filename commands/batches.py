"""Works through old messages: JSON lines in, JSON lines out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TextIO

from commands.installation import TRIAGE, bot_port, city, learnt_file, live_knowledge, one_thread
from commands.teaching import prepare_models
from commands.terminal import Stop

#: messages that are encoded together
TOGETHER = 32
LOGGED_EVERY = 500

Rows = list[dict[str, Any]]


def register(commands: Any) -> None:
    """Triage, lookup, replay."""
    for name, command in {"triage": triage, "lookup": lookup, "replay": replay}.items():
        sub = commands.add_parser(name, help=command.__doc__)
        sub.add_argument("file", nargs="?", help="JSON lines; - or nothing: standard input")
        sub.set_defaults(run=command)
        if name == "lookup":
            sub.add_argument("--top", type=int, default=10, help="how many sources a question gets")
        if name == "replay":
            sub.add_argument("--url", help="where residents chat (default: this installation)")
            sub.add_argument("--at-once", type=int, default=8, help="residents at the same time")


def triage(given: argparse.Namespace) -> int:
    """Free text in, structured matters out."""
    one_thread()
    from cases.county import County
    from nlu.triage import Reader, to_row

    prepare_models()
    reader, county = Reader.load(city(), TRIAGE, learnt_file()), County.load(city())

    def work(rows: Rows) -> Iterable[dict[str, Any]]:
        read = reader.read_many((row["text"], row.get("title")) for row in rows)
        return ({"id": row["id"], **to_row(reading, county)} for row, reading in zip(rows, read, strict=True))

    return batch(lines_of(given.file), work, sys.stdout, size=1 if sys.stdin.isatty() and not given.file else TOGETHER)


def lookup(given: argparse.Namespace) -> int:
    """Questions in, answers with their sources out."""
    from knowledge.library import to_row

    library = live_knowledge().library

    def work(rows: Rows) -> Iterable[dict[str, Any]]:
        return ({"id": row["id"], **to_row(library.lookup(row["text"], given.top))} for row in rows)

    return batch(lines_of(given.file), work, sys.stdout)


def replay(given: argparse.Namespace) -> int:
    """Old messages become residents who write them into the running web channel."""
    from channels.replay import replay_all

    rows = [read_row(line) for line in lines_of(given.file) if line.strip()]
    return replay_all(rows, given.url or f"http://127.0.0.1:{bot_port()}", at_once=given.at_once, out=sys.stdout)


def lines_of(file: str | None) -> Iterable[str]:
    """The lines of a file, or of standard input for `-` or nothing. Raises Stop if it can't be read."""
    if file in (None, "-"):
        return sys.stdin
    try:
        return open(file, encoding="utf-8", errors="replace")
    except OSError as refused:
        raise Stop(f"Can't read {file}: {refused.strerror}.") from refused


def batch(lines: Iterable[str], work: Callable[[Rows], Iterable[dict[str, Any]]], out: TextIO, size: int = 1) -> int:
    """One answer a line, in order; a bad line gets an error object in its place. Returns the exit status.

    `work` gets up to `size` good rows at a time and gives as many answers.
    """
    bad, left = 0, iter(enumerate(lines, 1))
    while part := list(islice(left, size)):
        bad += answer_part([(number, line) for number, line in part if line.strip()], work, out)
        progress(part[-1][0])
    return 1 if bad else 0


def answer_part(part: list[tuple[int, str]], work: Callable[[Rows], Iterable[dict[str, Any]]], out: TextIO) -> int:
    """Writes the answers to some lines; returns how many were bad."""
    rows: dict[int, dict[str, Any]] = {}
    errors: dict[int, dict[str, Any]] = {}
    for number, line in part:
        try:
            rows[number] = read_row(line)
        except ValueError as wrong:
            errors[number] = {"error": str(wrong), "line": number}
    answers = errors | dict(zip(rows, work(list(rows.values())), strict=True))
    for number, _ in part:
        out.write(json.dumps(answers[number], ensure_ascii=False) + "\n")
    out.flush()
    return len(errors)


def read_row(line: str) -> dict[str, Any]:
    """A row with at least `id` and a non-empty text. Raises ValueError with what is wrong."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"not JSON: {wrong.msg} at column {wrong.colno}") from wrong
    if not isinstance(row, dict) or "id" not in row:
        raise ValueError("not an object with an id")
    if not isinstance(row.get("text"), str) or not (row["text"] + str(row.get("title") or "")).strip():
        raise ValueError(f"{row['id']}: text is missing or empty")
    if row.get("title") is not None and not isinstance(row["title"], str):
        raise ValueError(f"{row['id']}: title is not a string")
    return row


def progress(number: int) -> None:
    """A count on standard error, for a person who waits or reads the log."""
    if sys.stderr.isatty():
        print(f"\r{number}", end="", file=sys.stderr, flush=True)
    elif number % LOGGED_EVERY == 0:
        print(f"{number} read", file=sys.stderr, flush=True)
