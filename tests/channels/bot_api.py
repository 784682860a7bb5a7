"""Stands in for Telegram's Bot API: a real HTTP server that answers as documented and remembers the calls."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
ME = {"id": 110201543, "is_bot": True, "first_name": "民呼", "username": "minhu_example_bot"}
PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


@dataclass
class BotApi:
    """`calls`: (method, parameters) in order; `failures`: what the next calls of a method answer instead."""

    address: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failures: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    photo: bytes = PHOTO

    def fail(self, method: str, code: int, description: str, times: int = 1, **parameters: Any) -> None:
        """The next `times` calls of `method` are refused."""
        body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
        if parameters:
            body["parameters"] = parameters
        self.failures.setdefault(method, []).extend([(code, body)] * times)

    def sent(self, chat: int | None = None) -> list[str]:
        """Texts of the messages that were delivered."""
        return [c["text"] for name, c in self.calls if name == "sendMessage" and chat in (None, int(c["chat_id"]))]

    def keyboards(self) -> list[list[list[dict[str, str]]]]:
        """The inline keyboards that were sent."""
        markups = [json.loads(c["reply_markup"]) for n, c in self.calls if n == "sendMessage" and "reply_markup" in c]
        return [m["inline_keyboard"] for m in markups]

    def named(self, method: str) -> list[dict[str, Any]]:
        """Parameters of every accepted call of `method`."""
        return [parameters for name, parameters in self.calls if name == method]

    def answer(self, method: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What the API says to one call."""
        if self.failures.get(method):
            return self.failures[method].pop(0)
        self.calls.append((method, parameters))
        return 200, {"ok": True, "result": self._result(method, parameters)}

    def _result(self, method: str, given: dict[str, Any]) -> Any:
        if method == "getMe":
            return ME
        if method == "getUpdates":
            return self._fetch(int(given.get("offset") or 0))
        if method == "getFile":
            size = len(self.photo)
            return {"file_id": given["file_id"], "file_unique_id": "u", "file_size": size, "file_path": "photos/1.jpg"}
        if method == "sendMessage":
            chat = {"id": int(given["chat_id"]), "type": "private", "first_name": "R"}
            return {"message_id": 1000 + len(self.calls), "date": 1764000000, "chat": chat, "text": given["text"]}
        return True

    def _fetch(self, offset: int) -> list[dict[str, Any]]:
        self.updates = [u for u in self.updates if u["update_id"] >= offset]
        if not self.updates:
            time.sleep(0.05)
        return self.updates[:100]


@contextmanager
def bot_api() -> Iterator[BotApi]:
    """The stand-in on a free port, in a thread of its own."""
    api = BotApi()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            prefix, _, method = self.path.rpartition("/")
            if prefix != f"/bot{TOKEN}":
                return self.reply(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
            self.reply(*api.answer(method, {name: values[0] for name, values in parse_qs(body).items()}))

        def do_GET(self) -> None:
            found = unquote(self.path) == f"/file/bot{TOKEN}/photos/1.jpg"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(api.photo) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(api.photo)

        def reply(self, status: int, body: dict[str, Any]) -> None:
            written = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    api.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
