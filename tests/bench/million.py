"""A store of a million cases beside one of ten thousand: queue, search, case page and figures, over HTTP.

`python -m tests.bench.million [CASES] [sqlite] [postgresql]`. The two stores are alike but for their size: the same
three years, the same share that is open, the same words at the same rates. Each page is asked for in turns from both.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn

from cases.county import County
from cases.desk import Desk
from cases.lifecycle import OPEN
from cases.searching import CaseIndex
from cases.shield import Shield
from cases.store import Store, audit, cases, conversations, events, messages, supporters
from console.app import make_app
from tests.running import ROOT, free_port

SMALL, LARGE = 10_000, 1_000_000
AIM = 3.0
SERVER = "postgresql+psycopg2://postgres@127.0.0.1:5432"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=timezone.utc)
YEARS = 3
PASSWORD = "a password of this bench"
AT_A_TIME = 20_000
#: how often each page is asked for
TIMES = 120
#: what is wrong, with weights: some things are told of all the time, some hardly ever
WRONG = (
    ("路灯不亮", 60), ("垃圾没人收", 60), ("下水道堵了，臭得很", 40), ("路面有个大坑", 40), ("夜里施工吵得睡不着", 35),
    ("占道停车，救护车进不来", 30), ("水压太低，三楼没水", 25), ("物业不管电梯", 25), ("拖欠工资三个月", 20),
    ("公交车不按时来", 15), ("野狗咬人", 12), ("井盖松动", 12), ("养老金没有到账", 8), ("学校门口没有斑马线", 8),
    ("烟花厂排黑烟", 5), ("河里漂着死鱼", 3), ("广告牌要掉下来了", 2), ("树枝压着电线冒火花", 1),
)  # fmt: skip
ENDINGS = ("", "，打过两次电话没人管", "，老人出门都怕", "，请尽快处理", "，已经一个星期了", "，什么时候能修好")
SIGNS = "安长春德东芳福光广桂海和红华吉金锦景康兰乐丽林龙梅民明南宁平清荣瑞山盛石顺泰天望西祥新兴秀义永玉源月云正忠紫"
STATUSES = (("closed", 300), ("rated", 600), ("withdrawn", 30), ("refused", 30), ("merged", 20),
            ("reported", 2), ("registered", 2), ("dispatched", 6), ("handling", 7), ("answered", 3))  # fmt: skip
MOVES = ("file", "register", "dispatch", "accept", "answer", "close")


@dataclass(frozen=True)
class Wait:
    """Milliseconds of one kind of page: p50 and p95."""

    p50: float
    p95: float


Rows = dict[sa.Table, list[dict[str, Any]]]


def made(county: County, number: int, chance: random.Random) -> Rows:
    """One case with all that hangs on it; `number` from 1."""
    status = chance.choices(*zip(*STATUSES, strict=True))[0]
    is_open = status in OPEN
    days = chance.uniform(0, 12) if is_open else chance.uniform(0, 365 * YEARS)
    filed, took = NOW - timedelta(days=days), timedelta(hours=chance.uniform(1, 200))
    town, unit = chance.choice(county.towns), _unit(county, chance)
    wrong = chance.choices(*zip(*WRONG, strict=True))[0]
    street = f"{chance.choice(SIGNS)}{chance.choice(SIGNS)}路{chance.randint(1, 400)}号旁"
    words = [f"{town.name}{street}{wrong}{chance.choice(ENDINGS)}"]
    conversation, category = f"web:{uuid.UUID(int=chance.getrandbits(128)).hex}", chance.choice(county.categories)
    ended = None if is_open else min(filed + took, NOW)
    has_unit = status not in ("reported", "registered", "refused")
    case = {
        "id": number, "number": f"{county.prefix}{filed:%Y%m%d}-{number % 1_000_000:06d}",
        "filing_key": f"{conversation}/k", "version": 6, "status": status, "kind": "complaint",
        "conversation_id": conversation, "words": words,
        "category": category.code, "domain": category.domain, "town": town.code, "contact_withheld": True,
        "language": "zh", "signals": [], "citations": [], "unit": unit if has_unit else None, "level": "city",
        "due_at": filed + timedelta(days=7), "created_at": filed, "closed_at": ended, "in_time": took.days < 7,
        "rating": chance.choice((3, 4, 4, 5, 5, 5)) if status == "rated" else None, "open": is_open,
        "pressing": 1 if chance.random() < 0.02 else 2, "returns": 0, "ruled": False, "extensions": 0, "reopenings": 0,
        "indexed_version": 0, "dispatched_at": filed if has_unit else None,
    }  # fmt: skip
    said = {"conversation_id": conversation, "buttons": [], "sources": [], "attachments": [], "created_at": filed}
    moves = MOVES if not is_open else MOVES[:3]
    return {
        conversations: [{"id": conversation, "channel": "web", "language": "zh", "holder": "bot", "last_seq": 2,
                         "created_at": filed}],
        cases: [case],
        messages: [
            {**said, "seq": 1, "ref": "r1", "author": "resident", "text": words[0], "delivery": "none"},
            {**said, "seq": 2, "ref": "r2", "author": "bot", "text": "已登记。", "delivery": "sent"},
        ],
        events: [
            {"case_id": number, "seq": seq, "move": move, "before": None, "after": status, "actor": "example-operator",
             "role": "operator", "note": None, "detail": {}, "at": filed + took * (seq - 1) / 6}
            for seq, move in enumerate(moves, start=1)
        ],
        supporters: [{"case_id": number, "unit": _unit(county, chance), "open": is_open}] * (chance.random() < 0.05),
        audit: [{"at": filed, "actor": "example-operator", "action": "look", "object": case["number"],
                 "reason": "operator", "previous": "0" * 64, "hash": "0" * 64}],
    }  # fmt: skip


def _unit(county: County, chance: random.Random) -> str:
    """Few units have most of the work."""
    return county.units[min(int(chance.expovariate(0.12)), len(county.units) - 1)].code


def fill(store: Store, county: County, size: int) -> None:
    """Writes so many cases, a part a transaction, past all rules."""
    chance, numbers = random.Random(7), iter(range(1, size + 1))
    while part := list(islice(numbers, AT_A_TIME)):
        rows: Rows = {}
        for number in part:
            for table, more in made(county, number, chance).items():
                rows.setdefault(table, []).extend(more)
        with store.write() as write:
            for table, many in rows.items():
                _insert(write, table, many)


def _insert(write: Any, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """The drivers' own fastest way."""
    columns = [c for c in table.c if rows and c.name in rows[0]]
    names = ", ".join(f'"{c.name}"' for c in columns)
    if write.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        held = ([_plain(row[c.name]) for c in columns] for row in rows)
        write.connection.executemany(f"insert into {table.name} ({names}) values ({marks})", held)
        return
    import io

    lines = io.StringIO()
    for row in rows:
        lines.write("\t".join(_copied(row[c.name]) for c in columns) + "\n")
    lines.seek(0)
    with write.connection.cursor() as cursor:
        cursor.copy_expert(f"copy {table.name} ({names}) from stdin", lines)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, (list, dict)) else value


def _copied(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, datetime):
        return value.isoformat()
    plain = str(_plain(value))
    return plain.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


@contextmanager
def stores(engine: str, size: int) -> Iterator[Store]:
    """An empty store that goes with the block."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Store(f"sqlite:///{folder}/minhu.db")
        return
    server = sa.create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT", future=True)
    name = f"minhu_million_{os.getpid()}_{size}"
    with server.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    store = Store(f"{SERVER}/{name}")
    try:
        yield store
    finally:
        store.engine.dispose()
        with server.connect() as connection:
            connection.execute(sa.text(f"drop database {name} with (force)"))


class Office:
    """A console over one store, with browsers of an operator, a unit and a leader."""

    def __init__(self, store: Store, county: County, size: int) -> None:
        begun = time.monotonic()
        store.migrate()
        fill(store, county, size)
        filled = time.monotonic()
        taken = CaseIndex(store).catch_up()
        assert taken == size, taken
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("analyze" if store.on_sqlite else "vacuum analyze"))
        print(f"  {size} cases: written in {filled - begun:.0f} s, indexed in {time.monotonic() - filled:.0f} s, "
              f"{_bytes(store) / 1e6:.0f} MB", flush=True)  # fmt: skip
        self.desk = Desk(store, county, lambda: NOW, Shield("secret of this bench"))
        self.desk.enrol(PASSWORD)
        self._server = uvicorn.Server(
            uvicorn.Config(make_app(self.desk, county, "session secret"), port=(port := free_port()), log_level="error",
                           ws="none")
        )  # fmt: skip
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.05)
        self._url = f"http://127.0.0.1:{port}"
        busiest = county.units[0].code
        unit = next(m.login for m in county.members if m.role == "unit" and m.unit == busiest)
        self.browsers = {who: self._signed_in(who) for who in ("example-operator", unit, "example-leader")}
        self.unit = unit
        with store.read() as read:
            some = sa.select(cases.c.number).where(cases.c.id.in_(random.Random(3).sample(range(1, size + 1), TIMES)))
            self.numbers: list[str] = list(read.execute(some).scalars())

    def _signed_in(self, login: str) -> httpx.Client:
        client = httpx.Client(base_url=self._url, timeout=120, follow_redirects=True)
        token = client.get("/sign-in").text.split('name="token" value="')[1].split('"')[0]
        told = client.post("/sign-in", data={"token": token, "login": login, "password": PASSWORD})
        assert told.status_code == 200 and "/sign-in" not in str(told.url), login
        return client

    def ask(self, who: str, path: str) -> float:
        """Milliseconds until the page is there."""
        begun = time.perf_counter()
        told = self.browsers[self.unit if who == "unit" else who].get(path)
        assert told.status_code == 200, (path, told.status_code)
        return (time.perf_counter() - begun) * 1000

    def close(self) -> None:
        """Ends the server."""
        for client in self.browsers.values():
            client.close()
        self._server.should_exit = True
        self._thread.join(10)


def _bytes(store: Store) -> int:
    with store.read() as read:
        if store.on_sqlite:
            pages, size = (read.execute(sa.text(f"pragma {name}")).scalar_one() for name in ("page_count", "page_size"))
            return int(pages) * int(size)
        return int(read.execute(sa.text("select pg_database_size(current_database())")).scalar_one())


def asked(kind: str, office: Office) -> list[tuple[str, str]]:
    """Who asks for what, TIMES of them."""
    operator, leader, chance = "example-operator", "example-leader", random.Random(5)
    if kind == "queue":
        paths = [(operator, "/"), (leader, "/"), ("unit", "/"), (operator, "/?page=3"), ("unit", "/?page=2"),
                 (operator, "/?status=handling"), (operator, "/?status=closed"), ("unit", "/?status=rated"),
                 ("unit", "/?status=rated&page=4"), (operator, "/?status=refused")]  # fmt: skip
    elif kind == "search":
        words = [w for w, _ in WRONG[::3]] + [
            "路灯",
            "灯",
            "死鱼",
            "冒火花",
            "玉龙路",
            "没有这样的事",
            "lamp",
            "号旁",
            "老人出门",
        ]
        words += [chance.choice(office.numbers)[-6:], chance.choice(office.numbers), "春兰路77号"]
        paths = [(who, f"/?search={word}") for word in words for who in (operator, "unit")]
        paths += [(operator, f"/?search={word}&status=closed") for word in words[:4]]
    elif kind == "case":
        paths = [(operator, f"/cases/{number}") for number in office.numbers]
    else:
        paths = [(leader, "/figures")]
    return [paths[n % len(paths)] for n in range(TIMES)]


def measured(small: Office, large: Office, kind: str) -> tuple[Wait, Wait]:
    """Both in turns; each page is asked for once before."""
    waits: tuple[list[float], list[float]] = ([], [])
    for warm in (True, False):
        for pair in zip(asked(kind, small), asked(kind, large), strict=True):
            for office, one, kept in zip((small, large), pair, waits, strict=True):
                took = office.ask(*one)
                if not warm:
                    kept.append(took)
    return _wait(waits[0]), _wait(waits[1])


def _wait(took: Sequence[float]) -> Wait:
    cuts = statistics.quantiles(took, n=20)
    return Wait(statistics.median(took), cuts[-1])


def main(large: int = LARGE, engines: Sequence[str] = ("sqlite", "postgresql")) -> None:
    """Prints the table."""
    county = County.load(ROOT / "city")
    for engine in engines:
        print(f"{engine}:", flush=True)
        with stores(engine, SMALL) as few, stores(engine, large) as many:
            offices = Office(few, county, SMALL), Office(many, county, large)
            print(f"  {'page':<8}{'p50 of ' + str(SMALL):>16}{'p95':>8}{'p50 of ' + str(large):>18}{'p95':>8}"
                  f"{'p95 ratio':>11}   aim ≤ {AIM:g}")  # fmt: skip
            for kind in ("queue", "search", "case", "figures"):
                a, b = measured(*offices, kind)
                print(f"  {kind:<8}{a.p50:>16.1f}{a.p95:>8.1f}{b.p50:>18.1f}{b.p95:>8.1f}{b.p95 / a.p95:>11.2f}",
                      flush=True)  # fmt: skip
            for office in offices:
                office.close()


if __name__ == "__main__":
    named = sys.argv[1:]
    sizes = [int(word) for word in named if word.isdigit()]
    main(sizes[0] if sizes else LARGE, [word for word in named if not word.isdigit()] or ("sqlite", "postgresql"))
