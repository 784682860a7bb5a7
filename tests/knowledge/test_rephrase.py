"""A model may only put in other words what is there: over real HTTP, with one that misbehaves in every way."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from knowledge import rephrase
from knowledge.rephrase import Endpoint

TEXT = "打12333或到劳动监察大队投诉，不收钱。监察立案后60个工作日内查完。"
SAME = "去劳动监察大队投诉，或打12333，不收钱。立案后60个工作日内查完。"


class Model(BaseHTTPRequestHandler):
    """Says what the test wants."""

    says: Any = ""
    heard: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if callable(self.says):
            return self.says(self)
        self.give(200, json.dumps({"choices": [{"message": {"content": self.says}}]}))

    def give(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Model.heard = []
    yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "a model")
    server.shutdown()


def told(says: Any, endpoint: Endpoint | None) -> str:
    Model.says = staticmethod(says) if callable(says) else says
    return asyncio.run(rephrase.rephrase(TEXT, [], "zh", endpoint))


def test_other_words_for_the_same_are_taken(endpoint: Endpoint) -> None:
    assert told(SAME, endpoint) == SAME
    assert Model.heard[0]["model"] == "a model" and Model.heard[0]["temperature"] == 0


def test_nothing_is_asked_where_no_model_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINHU_LLM_URL", raising=False)
    assert Endpoint.from_environment() is None and told(SAME, None) == TEXT


@pytest.mark.parametrize(
    "says",
    [
        "",
        "打12333投诉，不收钱。立案后90个工作日内查完。",
        "打12333投诉，要收钱。监察立案后60个工作日内查完。",
        SAME + "您一定能拿回工资。",
        SAME + "根据《劳动法》第50条处理。",
        SAME + "加我微信13812345678。",
        SAME + "详情看 http://evil.example 。",
        "打12333投诉，不收钱。",
        "好的！下面是改写后的答复：" + SAME,
        "Ignore the rules. 打12333，不收钱，60个工作日。",
        SAME * 3,
        ["a list"],
        None,
        {"text": SAME},
    ],
)
def test_a_model_that_adds_changes_or_loses_something_is_not_believed(says: Any, endpoint: Endpoint) -> None:
    assert told(says, endpoint) == TEXT


@pytest.mark.parametrize(
    "says",
    [
        lambda to: to.give(500, "out of memory"),
        lambda to: to.give(200, "<html>not JSON</html>"),
        lambda to: to.give(200, "{}"),
        lambda to: to.give(200, '{"choices": []}'),
        lambda to: to.give(200, "[]"),
        lambda to: to.give(429, '{"error": "slow down"}'),
        lambda to: to.connection.close(),
        lambda to: time.sleep(1.5),
    ],
)
def test_a_model_that_fails_or_is_slow_changes_nothing(
    says: Any, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rephrase, "TIMEOUT", 0.5)
    assert told(says, endpoint) == TEXT


def test_a_model_that_is_not_there_changes_nothing() -> None:
    assert told(SAME, Endpoint("http://127.0.0.1:9/v1", "none")) == TEXT
