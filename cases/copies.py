"""Copies one database while it is written to, and loads the copy again: SQLite by its backup interface, PostgreSQL by
its own tools."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.url import URL, make_url

WHOLE = 2**128


class BackupError(Exception):
    """A backup was not made or not brought back. The text is for the person at the terminal."""


@dataclass(frozen=True)
class Table:
    """How many rows, and a sum over the hashes of all of them, whatever their order."""

    rows: int
    digest: str


class Copy(Protocol):
    """One database and how it is copied. Everything raises BackupError."""

    kind: str
    ending: str

    def exists(self) -> bool:
        """Whether there is a database to copy."""

    def holds_rows(self) -> bool:
        """Whether it holds anything that a restore would destroy."""

    def dump(self, path: Path) -> dict[str, Table]:
        """Writes one consistent copy; returns what is in it."""

    def ready(self, path: Path) -> None:
        """Raises where the copy can't be loaded here."""

    def load(self, path: Path, tables: set[str]) -> None:
        """Puts the copy, which has these tables, in the place of what is there, in one transaction."""

    def drop(self) -> None:
        """Removes it where the backup has none."""

    def tables(self) -> dict[str, Table]:
        """What is in it now."""


def of(url: str) -> Copy:
    """The database behind an SQLAlchemy URL."""
    known = make_url(url)
    if known.get_backend_name() == "sqlite":
        return Sqlite(Path(known.database or ""))
    if known.get_backend_name() == "postgresql":
        return Postgresql(known)
    raise BackupError(f"A database of the kind {known.get_backend_name()} can't be backed up.")


class Sqlite:
    """A file. Writers go on while it is copied: in WAL mode the copy is the state at its first page."""

    kind, ending = "sqlite", "db"

    def __init__(self, path: Path) -> None:
        """`path` may be missing."""
        self._path = path

    def exists(self) -> bool:
        """See Copy."""
        return self._path.is_file()

    def holds_rows(self) -> bool:
        """See Copy; the version of the schema alone is nothing."""
        return self.exists() and any(t.rows for name, t in self.tables().items() if name != "alembic_version")

    def dump(self, path: Path) -> dict[str, Table]:
        """See Copy."""
        with _told(self._path), closing(_opened(self._path)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)  # all pages in one step, or every writer would make it start again
            target.execute("PRAGMA journal_mode=DELETE").fetchall()
            return _tables_of(target)

    def ready(self, path: Path) -> None:
        """See Copy."""
        with _told(path), closing(_opened(path, "ro")) as copy:
            (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise BackupError(f"{path} is damaged: {sound}.")

    def load(self, path: Path, tables: set[str]) -> None:
        """See Copy. Processes that have it open see the new rows from their next transaction on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        here = sqlite3.connect(self._path, timeout=15)
        with _told(self._path), closing(here) as target, closing(_opened(path, "ro")) as copy:
            target.execute("PRAGMA busy_timeout=15000").fetchall()
            copy.backup(target)
            target.execute("PRAGMA journal_mode=WAL").fetchall()

    def drop(self) -> None:
        """See Copy."""
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def tables(self) -> dict[str, Table]:
        """See Copy."""
        with _told(self._path), closing(_opened(self._path)) as here:
            return _tables_of(here)


class Postgresql:
    """A database on a server, by pg_dump and pg_restore of the same or a newer version."""

    kind, ending = "postgresql", "pgdump"

    def __init__(self, url: URL) -> None:
        """The tools get the password through the environment, where other users of the machine can't read it."""
        self._url = url

    def exists(self) -> bool:
        """See Copy."""
        with self._connected() as connection:
            return bool(_names(connection))

    def holds_rows(self) -> bool:
        """See Copy."""
        return any(t.rows for name, t in self.tables().items() if name != "alembic_version")

    def dump(self, path: Path) -> dict[str, Table]:
        """See Copy; counts and dump are of the same snapshot."""
        tool = _tool("pg_dump")
        with self._connected() as connection:
            snapshot = connection.execute(sa.text("select pg_export_snapshot()")).scalar_one()
            words = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={path}"]
            self._run(tool, *words)
            return self._tables_of(connection)

    def ready(self, path: Path) -> None:
        """See Copy."""
        with self._connected():
            self._run(_tool("pg_restore"), "--list", str(path), connect=False)

    def load(self, path: Path, tables: set[str]) -> None:
        """See Copy. Tables that the copy doesn't know are dropped before."""
        with self._connected() as connection:
            for name in set(_names(connection)) - tables:
                connection.execute(sa.text(f"drop table {_quoted(name)} cascade"))
        words = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        self._run(_tool("pg_restore"), *words, str(path))

    def drop(self) -> None:
        """See Copy."""
        with self._connected() as connection:
            for name in _names(connection):
                connection.execute(sa.text(f"drop table {_quoted(name)} cascade"))

    def tables(self) -> dict[str, Table]:
        """See Copy."""
        with self._connected() as connection:
            return self._tables_of(connection)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        engine = sa.create_engine(self._url, future=True, poolclass=sa.pool.NullPool, isolation_level="REPEATABLE READ")
        try:
            with engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as refused:
            raise BackupError(f"The database refused: {str(refused).splitlines()[0]}") from refused

    @staticmethod
    def _tables_of(connection: Connection) -> dict[str, Table]:
        """Rows are hashed on the server, as text in UTC."""
        connection.execute(sa.text("set local timezone = 'UTC'"))
        found = {}
        for name in _names(connection):
            row_hash = "('x' || substr(md5(t::text), {}, 16))::bit(64)::bigint::numeric"
            summed = ", ".join(f"coalesce(sum({row_hash.format(start)}), 0)" for start in (1, 17))
            rows, *halves = connection.execute(sa.text(f"select count(*), {summed} from {_quoted(name)} t")).one()
            found[name] = Table(int(rows), "+".join(str(half) for half in halves))
        return found

    def _run(self, tool: str, *words: str, connect: bool = True) -> None:
        url = self._url
        told = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
        told |= {"PGDATABASE": url.database} | {f"PG{k.upper()}": v for k, v in url.query.items() if k in _QUERY}
        environment = {**os.environ, **{name: str(value) for name, value in told.items() if value is not None}}
        aim = [f"--dbname={url.database}"] if connect else []
        done = subprocess.run([tool, *aim, *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
            raise BackupError(f"{Path(tool).name} failed: {said}")


#: what of a URL's query the tools take from the environment
_QUERY = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options")


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed: it comes with PostgreSQL's client programs.")
    return found


def _names(connection: Connection) -> list[str]:
    return sorted(sa.inspect(connection).get_table_names())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _opened(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """A file that is there; it is never made by looking at it. A copy is opened with "ro": it may lie on a disk that
    can't be written."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=15)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as refused:
        raise BackupError(f"{path}: {refused}.") from refused


def _tables_of(connection: sqlite3.Connection) -> dict[str, Table]:
    """Virtual tables are told by the plain ones that hold their content."""
    found = {}
    names = "select name from sqlite_master where type = 'table' and sql not like 'CREATE VIRTUAL%' order by name"
    connection.execute("BEGIN")
    for (name,) in connection.execute(names).fetchall():
        rows = total = 0
        for row in connection.execute(f"select * from {_quoted(name)}"):
            rows += 1
            total = (total + int.from_bytes(hashlib.sha256(repr(row).encode()).digest()[:16], "big")) % WHOLE
        found[name] = Table(rows, f"{total:032x}")
    connection.execute("ROLLBACK")
    return found
