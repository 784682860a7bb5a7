"""Which other systems may come in: their names, what they may do and the hashes of their keys, in one small file."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

#: where they are kept, in the folder of what this installation writes
KEYS = "apikeys.csv"
COLUMNS = ("client", "sha256", "scope")
#: `file` may file and read what it filed, `read` may only read it
SCOPES = ("file", "read")
NAME = re.compile(r"[a-z][a-z0-9-]{2,29}")
HASH = re.compile(r"[0-9a-f]{64}")


class KeysUnreadable(Exception):
    """The file of keys is wrong or can't be read: nobody comes in until it is repaired. One line: where and what."""


@dataclass(frozen=True)
class Client:
    """A system that may come in. `name` is part of the ids of its conversations."""

    name: str
    scope: str


class ApiKeys:
    """The keys of one installation. A line added or taken away counts from the next request on."""

    def __init__(self, path: Path) -> None:
        """`path`: apikeys.csv; it need not exist."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._clients: dict[str, Client] = {}

    def make(self, name: str, scope: str = "file") -> str:
        """A new key for a system; only its hash is kept. Raises ValueError for a name or scope that can't be."""
        if not NAME.fullmatch(name):
            raise ValueError("a name has 3 to 30 small letters, digits and hyphens and starts with a letter")
        if scope not in SCOPES:
            raise ValueError(f"a scope is one of {', '.join(SCOPES)}")
        key = secrets.token_urlsafe(32)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a", encoding="ascii") as file:
            head = "" if file.tell() else ",".join(COLUMNS) + "\n"
            file.write(f"{head}{name},{_hash(key)},{scope}\n")
            file.flush()
            os.fsync(file.fileno())
        return key

    def client_of(self, key: str) -> Client | None:
        """Whose key it is; None where it is nobody's. Raises KeysUnreadable."""
        self._read_if_changed()
        return self._clients.get(_hash(key))

    def _read_if_changed(self) -> None:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            self._seen, self._clients = None, {}
            return
        except OSError as refused:
            raise KeysUnreadable(f"{self._path.name}: {refused.strerror}") from refused
        mark = (now.st_mtime_ns, now.st_size, now.st_ino)
        if mark != self._seen:
            self._clients = self._read()
            self._seen = mark

    def _read(self) -> dict[str, Client]:
        found: dict[str, Client] = {}
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file)
                if tuple(rows.fieldnames or ()) != COLUMNS:
                    raise KeysUnreadable(f"{self._path.name}, line 1: the columns are {','.join(COLUMNS)}")
                for row in rows:
                    if not _right(row):
                        raise KeysUnreadable(f"{self._path.name}, line {rows.line_num}: no client, hash and scope")
                    found[row["sha256"]] = Client(row["client"], row["scope"])
        except (OSError, UnicodeDecodeError, csv.Error) as wrong:
            raise KeysUnreadable(f"{self._path.name}: {wrong}") from wrong
        return found


def _right(row: dict[str, str]) -> bool:
    cells = [row.get(name) or "" for name in COLUMNS]
    return bool(NAME.fullmatch(cells[0]) and HASH.fullmatch(cells[1]) and cells[2] in SCOPES and None not in row)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
