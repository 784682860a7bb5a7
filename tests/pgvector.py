"""A PostgreSQL server with pgvector of a test run's own: the one that the package pgserver brings."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from tests.running import free_port

#: PostgreSQL refuses to run as root; then it runs as this user, which every system has
USER = "nobody"


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    data: Path


def programs() -> Path:
    """Where initdb and postgres lie. The package is not imported: it would add a user to the system."""
    found = importlib.util.find_spec("pgserver")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package pgserver is not installed")
    return Path(found.origin).parent / "pginstall" / "bin"


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    """A fresh server on a free port of this machine, with settings of postgresql.conf; gone afterwards."""
    bin, folder, port = programs(), Path(tempfile.mkdtemp(prefix="minhu-pg-")), free_port()
    as_user = {"user": USER, "extra_groups": ()} if os.geteuid() == 0 else {}
    if as_user:
        shutil.chown(folder, USER)
    data, log = folder / "data", (folder / "log").open("wb")
    try:
        subprocess.run(
            [str(bin / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"],
            check=True, stdout=log, stderr=log, cwd=folder, **as_user,
        )  # fmt: skip
        told = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = subprocess.Popen(
            [str(bin / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), *told],
            stdout=log, stderr=log, cwd=folder, **as_user,
        )  # fmt: skip
        try:
            wait_for(port, process, folder / "log")
            yield Server(f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres", process, data)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: its files go with it
            process.wait(60)
    finally:
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers. Raises RuntimeError with its log where it doesn't."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
            return
        except psycopg2.OperationalError:
            time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")
