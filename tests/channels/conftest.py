"""A desk on a real SQLite file, a small bot in Rasa's place, and a real Sanic server around the channels."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Sanic

from cases.attachments import Attachments
from cases.county import County
from cases.desk import Desk
from channels.commits import SharedStore
from channels.visitor import Visitors
from channels.web import WebInput
from tests.running import ROOT, free_port


class EchoBot:
    """Says what it heard; a few words make it behave as a bot can."""

    def __init__(self) -> None:
        self.heard: list[UserMessage] = []
        self.running = self.most_at_once = 0
        self.pause = 0.0
        self.broken = False
        self.desk: Desk | None = None

    async def __call__(self, message: UserMessage) -> None:
        self.heard.append(message)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await asyncio.sleep(self.pause)
            if self.broken:
                raise RuntimeError("the bot is broken")
            if (message.metadata or {})["holder"] == "bot":
                await self.utter(message)
        finally:
            self.running -= 1

    async def utter(self, message: UserMessage) -> None:
        text = message.text or ""
        said: dict[str, Any] = {"text": f"heard {text}"}
        if "button" in text:
            said["buttons"] = [{"title": "Yes, submit", "payload": "/affirm"}, {"title": "No", "payload": "/deny"}]
        if "source" in text:
            said["custom"] = {"sources": [SOURCE]}
        if "silence" not in text:
            await message.output_channel.send_response(message.sender_id, said)
        if "two" in text:
            await message.output_channel.send_response(message.sender_id, {"text": "and\n\nmore"})

    @property
    def texts(self) -> list[str | None]:
        return [m.text for m in self.heard]


SOURCE = {
    "type": "statute",
    "title": "生态环境法典",
    "law": "生态环境法典",
    "article": 1,
    "in_force": True,
    "effective": "2026-08-15",
    "code": None,
    "score": 0.9,
    "text": "<b>第一条</b> …",
    "publisher": "全国人民代表大会",
    "checked": None,
}


@pytest.fixture(scope="session")
def county() -> County:
    return County.load(ROOT / "city")


@pytest.fixture
def desk(tmp_path: Path, county: County) -> Desk:
    return open_desk(tmp_path, county)


def open_desk(folder: Path, county: County) -> Desk:
    store = SharedStore(f"sqlite:///{folder / 'minhu.db'}")
    store.migrate()
    return Desk(store, county)


@pytest.fixture
def bot(desk: Desk) -> EchoBot:
    made = EchoBot()
    made.desk = desk
    return made


@pytest.fixture
def attachments(tmp_path: Path) -> Attachments:
    return Attachments(tmp_path / "attachments")


@pytest.fixture
def web(desk: Desk, attachments: Attachments, county: County) -> WebInput:
    return WebInput(desk, attachments, county, Visitors(b"a key for tests"), per_minute=0)


@asynccontextmanager
async def serving(bot: Callable[[UserMessage], Any], *inputs: InputChannel) -> AsyncIterator[str]:
    """The channels under a real server on a free port; yields its address."""
    Sanic.test_mode = True  # several servers, one after the other, in one process
    app = Sanic(f"test_{uuid.uuid4().hex}", configure_logging=False)
    for channel in inputs:
        app.blueprint(channel.blueprint(bot), url_prefix=urljoin("/", channel.url_prefix()))
    async with started(app) as address:
        yield address


@asynccontextmanager
async def started(app: Sanic) -> AsyncIterator[str]:
    """A Sanic app with its listeners run, on a free port."""
    port = free_port()
    server = await app.create_server(host="127.0.0.1", port=port, return_asyncio_server=True, access_log=False)
    await server.startup()
    await server.before_start()
    await server.after_start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.before_stop()
        for connection in list(server.connections):
            connection.close_if_idle()
        await server.close()
        await server.after_stop()


@pytest.fixture
async def address(web: WebInput, bot: EchoBot) -> AsyncIterator[str]:
    async with serving(bot, web) as at:
        yield at


@pytest.fixture
async def phone(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A resident's browser as its script sees the server."""
    async with httpx.AsyncClient(base_url=address, headers={"Accept": "application/json"}, timeout=30) as client:
        yield client


@pytest.fixture
async def plain_phone(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A resident's browser without JavaScript."""
    headers = {"Accept": "text/html"}
    async with httpx.AsyncClient(base_url=address, headers=headers, follow_redirects=True, timeout=30) as client:
        yield client
