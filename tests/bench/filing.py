"""Filing over HTTP: ours beside baisitong2's `POST /api/appeals`, both one process on SQLite, the same texts."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa

from cases.store import Store, cases, events, outbox
from channels.api_keys import KEYS, ApiKeys
from tests.bench.rival import Rival
from tests.running import ROOT, free_port

AT_ONCE = (1, 8, 32)
REQUESTS = 320
ROUNDS = 3
WARM_UP = 16
#: the rival takes no shorter and no longer texts
SHORTEST, LONGEST = 5, 1000
MESSAGES = ROOT.parent / "shared/data/messages/petitions_dev.jsonl"
HOW_THEY_COMMIT = """
from sqlalchemy import text
from baisitong2.database import engine
with engine.connect() as c:
    print(c.execute(text("pragma journal_mode")).scalar(), c.execute(text("pragma synchronous")).scalar())
"""


@dataclass(frozen=True)
class Side:
    """One server: where it listens, what a text becomes as a request, how many it has stored."""

    port: int
    request: Callable[[str], bytes]
    stored: Callable[[], int]


@dataclass(frozen=True)
class Rate:
    """Requests a second, and waits of one in milliseconds (p50, p95)."""

    per_second: float
    p50: float
    p95: float


def texts() -> list[str]:
    """What residents wrote, as long as the rival takes it."""
    rows = [json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines()]
    return [row["text"][:LONGEST] for row in rows if len(row["text"].strip()) >= SHORTEST]


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Sends one request and reads its answer. Raises AssertionError for anything but 200."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(int(length.partition(b":")[2]))
    assert head.startswith(b"HTTP/1.1 200"), head + body


async def _load(side: Side, said: Sequence[str], clients: int) -> Rate:
    """`clients` connections, each one request after the other, until all texts are filed."""
    left, waits = iter(said), []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
        for text in left:
            request = side.request(text)
            started = time.perf_counter()
            await _post(reader, writer, request)
            waits.append(1000 * (time.perf_counter() - started))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    seconds = time.perf_counter() - started
    waits.sort()
    return Rate(len(waits) / seconds, waits[len(waits) // 2], waits[int(len(waits) * 0.95)])


def _http(path: str, kind: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def _started(words: Sequence[str], folder: Path, port: int, **extra: str) -> Iterator[None]:
    """A process that listens on the port."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env={**os.environ, **extra}, stdout=log, stderr=log)
    try:
        asyncio.run(_listening(port, process, folder / "log"))
        yield
    finally:
        process.terminate()
        process.wait(20)


async def _listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.poll() is not None:
                break
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise AssertionError(log.read_text()[-2000:])


@contextmanager
def ours(folder: Path) -> Iterator[Side]:
    """Our interface as `minhu api` runs it, over a fresh installation."""
    url, port = f"sqlite:///{folder / 'minhu.db'}", free_port()
    store = Store(url)
    store.migrate()
    key = ApiKeys(folder / KEYS).make("bench")
    extra = {"MINHU_VAR": str(folder), "MINHU_DATABASE_URL": url, "MINHU_API_PORT": str(port)}

    def request(text: str) -> bytes:
        fields = {"api_key": key, "service_code": "urban.road", "description": text, "address_id": "430281002"}
        return _http("/open311/v2/requests.json", "application/x-www-form-urlencoded", urlencode(fields).encode())

    def stored() -> int:
        """Cases that have their event and their outbox row."""
        both = sa.select(sa.func.count(sa.distinct(cases.c.id))).where(
            cases.c.id == events.c.case_id, cases.c.id == outbox.c.case_id
        )
        with store.read() as read:
            return int(read.execute(both).scalar_one())

    with _started([sys.executable, "-W", "ignore", str(ROOT / "minhu.py"), "api"], folder, port, **extra):
        yield Side(port, request, stored)
    store.engine.dispose()


@contextmanager
def theirs(folder: Path, python: Path) -> Iterator[Side]:
    """The rival as its own command starts it, with its rule engine."""
    port, url = free_port(), f"sqlite:///{folder / 'theirs.db'}"

    def request(text: str) -> bytes:
        return _http("/api/appeals", "application/json", json.dumps({"content": text}).encode())

    def stored() -> int:
        with sa.create_engine(url, future=True).connect() as connection:
            return int(connection.execute(sa.text("select count(*) from appeals")).scalar_one())

    words = [str(python), "-m", "baisitong2", "--host", "127.0.0.1", "--port", str(port), "--db", url]
    with _started(words, folder, port):
        yield Side(port, request, stored)


def _round(side: Side, said: Sequence[str]) -> dict[int, Rate]:
    asyncio.run(_load(side, said[:WARM_UP], 1))
    rates = {clients: asyncio.run(_load(side, said[:REQUESTS], clients)) for clients in AT_ONCE}
    assert side.stored() == WARM_UP + REQUESTS * len(AT_ONCE), "an answer without a stored case"
    return rates


def measure(rounds: int = ROUNDS) -> list[tuple[str, ...]]:
    """(what, ours, theirs, ratio, aim) a row: medians of rounds that take turns, each on a fresh database."""
    rival, said = Rival.bring(), texts()
    if rival is None:
        return [("filing over HTTP", "", "baisitong2 can't be installed", "", "")]
    mine: list[dict[int, Rate]] = []
    other: list[dict[int, Rate]] = []
    (ROOT / "results").mkdir(exist_ok=True)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=ROOT / "results") as made, theirs(Path(made), rival.python) as side:
            other.append(_round(side, said))
        with tempfile.TemporaryDirectory(dir=ROOT / "results") as made, ours(Path(made)) as side:
            mine.append(_round(side, said))
    return [row for clients in AT_ONCE for row in _rows(clients, mine, other)] + [_commits(rival.python)]


def _rows(clients: int, mine: list[dict[int, Rate]], other: list[dict[int, Rate]]) -> Iterator[tuple[str, ...]]:
    at = f"{clients} client" + ("s" if clients > 1 else "")
    for what, name, aim in (("filings/s", "per_second", "≥ 1"), ("p95 ms", "p95", "")):
        a, b = (statistics.median(getattr(rates[clients], name) for rates in side) for side in (mine, other))
        yield f"{what}, {at}", f"{a:.1f}", f"{b:.1f}", f"{a / b:.2f}", aim


def _commits(python: Path) -> tuple[str, ...]:
    """How both commit: what SQLite's settings say."""
    with tempfile.TemporaryDirectory() as made:
        extra = {**os.environ, "DATABASE_URL": f"sqlite:///{made}/x.db"}
        told = subprocess.run([python, "-c", HOW_THEY_COMMIT], cwd=made, env=extra, capture_output=True, text=True)
        store = Store(f"sqlite:///{made}/ours.db")
        with store.read() as read:
            own = [read.exec_driver_sql(f"pragma {name}").scalar_one() for name in ("journal_mode", "synchronous")]
        store.engine.dispose()
    return ("journal, synchronous (2 = fsync)", " ".join(map(str, own)), told.stdout.strip(), "", "")


def main() -> None:
    """Prints the table."""
    print(f"{'':<36}{'ours':>12}{'baisitong2':>12}{'ratio':>10}{'aim':>8}")
    for what, a, b, ratio, aim in measure():
        print(f"{what:<36}{a:>12}{b:>12}{ratio:>10}{aim:>8}")


if __name__ == "__main__":
    main()
