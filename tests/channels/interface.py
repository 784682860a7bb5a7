"""The interface for other systems on a real port over a real store, and the residents' side of what is filed there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn

from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import cases, events, messages, outbox
from channels.api import make_app
from channels.api_keys import ApiKeys
from channels.commits import SharedStore
from tests.running import ROOT, free_port

LAMP = {"service_code": "urban.lamp", "description": "国瓷路的路灯坏了三天", "address_string": "国瓷街道"}


class Running:
    """A server with two client systems, `first` and `second`, and one that may only read."""

    def __init__(self, desk: Desk, var: Path) -> None:
        self.desk, self.keys_file = desk, var / "apikeys.csv"
        self.keys = ApiKeys(self.keys_file)
        self.first, self.second = self.keys.make("first"), self.keys.make("second")
        self.reads_only = self.keys.make("second", "read")
        self.app = make_app(desk, self.keys, danger=lambda text: "fire" if "着火" in text else None)
        self.port = free_port()
        self.http = httpx.Client(base_url=f"{self.url}/", timeout=20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/open311/v2"

    def with_password(self, key: str) -> str:
        """The address with the key as HTTP Basic password, for clients that know no key when they read."""
        return self.url.replace("http://", f"http://x:{key}@")

    def post(self, key: str | None, form: str = "json", headers: dict[str, str] | None = None, **fields: Any) -> Any:
        sent = {name: value for name, value in {**LAMP, "api_key": key, **fields}.items() if value is not None}
        return self.http.post(f"requests.{form}", data=sent, headers=headers)

    def file(self, key: str, **fields: Any) -> str:
        """The number of what was filed."""
        answer = self.post(key, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0]["service_request_id"])

    def own(self, key: str, **query: str) -> list[dict[str, Any]]:
        answer = self.http.get("requests.json", params={"api_key": key, **query})
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def rows(self) -> tuple[int, ...]:
        """How many cases, messages, events and outbox rows there are."""
        with self.desk.store.read() as read:
            return tuple(
                read.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (cases, messages, events, outbox)
            )

    def move(self, number: str, *moves: str, note: str | None = None) -> None:
        """Staff move the case."""
        for move in moves:
            case = self.desk.case(number)
            role = "unit" if move in ("accept", "answer") else "operator"
            unit = "urban-management" if move == "dispatch" else None
            told = {"note": note, "unit": unit, "verified": "on_site" if move == "close" else None}
            self.desk.move(case.id, move, actor="x", role=role, version=case.version, **told)


@contextmanager
def serve(desk: Desk, var: Path) -> Iterator[Running]:
    """Ends with the block."""
    running = Running(desk, var)
    server = uvicorn.Server(uvicorn.Config(running.app, port=running.port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield running
    finally:
        running.http.close()
        server.should_exit = True
        thread.join(10)


def sqlite_desk(var: Path, clock: Any = None) -> Desk:
    """A desk over a fresh SQLite file."""
    store = SharedStore(f"sqlite:///{var / 'minhu.db'}")
    store.migrate()
    given = {"clock": clock} if clock else {}
    return Desk(store, County.load(ROOT / "city"), shield=Shield("test secret"), **given)
