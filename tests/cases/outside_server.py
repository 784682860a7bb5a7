"""A case system of another city on a free port: every habit of real GeoReport v2 servers, and a webhook receiver.

It remembers everything it got, so that a test can count what was taken in, and what was taken in twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

HTML = (
    "<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head><body>Back soon &amp; better</body></html>"
)


@dataclass
class Got:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Taken:
    """One case that this system took in."""

    id: str | None
    token: str
    description: str
    service_code: str
    key: str
    at: datetime
    status: str = "open"
    note: str | None = None


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class City:
    """How this server behaves; change it while it runs.

    `mode`: well; down (5xx, nothing taken); takes_then_5xx; slow (takes, answers too late); html (200, nothing taken);
    takes_then_html; errors (400 general service error); refuses (400); redirects; key (403); empty; drops (takes, then
    cuts the line). `ids`: realtime, batch, blackbox or none (realtime without an id in the answer).
    """

    mode: str = "well"
    ids: str = "realtime"
    format: str = "json"
    rejects_duplicates: bool = False
    tells_duplicate_id: bool = False
    shows_descriptions: bool = True
    metadata: bool = False
    attributes: list[dict[str, Any]] = field(default_factory=list)
    token_404: bool = True
    resolves_tokens: bool = True
    commas: bool = True
    #: how many requests its list shows at most, without pages; None: it has pages
    pages_of: int | None = None
    slow: float = 1.6
    clock: Callable[[], datetime] = _now
    got: list[Got] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def numbers(self) -> Counter[str]:
        """How often each case number, or key, was taken in."""
        return Counter(one.key for one in self.taken)

    def posts(self) -> list[Got]:
        """What was posted, whatever came of it."""
        return [one for one in self.got if one.method == "POST"]

    def close(self, key: str, note: str | None = None) -> None:
        """Settles a case."""
        for one in self.taken:
            if one.key == key:
                one.status, one.note = "closed", note


class _Talk(BaseHTTPRequestHandler):
    """One connection."""

    city: City

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """The five reading methods."""
        got = self._remember()
        if self._trouble(got):
            return
        parts = urlsplit(self.path).path.strip("/").split("/")
        name, _, _ = parts[-1].partition(".")
        if parts[-2:-1] == ["tokens"]:
            self._token(name)
        elif parts[-2:-1] == ["services"]:
            self._say(200, {"service_code": name, "attributes": self.city.attributes}, "service_definition")
        elif parts[-2:-1] == ["requests"]:
            self._requests([one for one in self.city.taken if one.id == name])
        elif name == "services":
            self._services()
        elif name == "requests":
            self._list(got)
        else:
            self._say(404, [{"code": 404, "description": "no such resource"}], "errors", "error")

    def do_POST(self) -> None:
        """A new request, or a case for the webhook."""
        got = self._remember()
        if got.path.endswith("/hook"):
            self._hook(got)
        elif not self._trouble(got):
            self._post(got)

    # --- GeoReport v2 --------------------------------------------------------------------------------------------

    def _services(self) -> None:
        kind = "realtime" if self.city.ids == "none" else self.city.ids
        rows = [
            {"service_code": code, "service_name": code, "type": kind, "metadata": self.city.metadata}
            for code in ("001", "lamps")
        ]
        self._say(200, rows, "services", "service")

    def _post(self, got: Got) -> None:
        description = got.form["description"][0]
        made = self._take(description.rpartition("[")[2].rstrip("]"), description, got.form["service_code"][0])
        if made is None:
            held = next(one for one in self.city.taken if one.description == description)
            named = f" of request id {held.id}" if self.city.tells_duplicate_id else ""
            said = f"Invalid service request: base is a duplicate{named}."
            self._say(400, [{"code": 400, "description": said}], "errors", "error")
        elif not self._after(made):
            self._receipt(made)

    def _receipt(self, made: Taken) -> None:
        answers: dict[str, dict[str, Any]] = {
            "realtime": {"service_request_id": made.id, "service_notice": None},
            "batch": {"token": made.token},
            "blackbox": {"service_notice": "thank you"},
            "none": {"service_request_id": None, "account_id": None},
        }
        self._say(201, [answers[self.city.ids]], "service_requests", "request")

    def _token(self, token: str) -> None:
        found = next((one for one in self.city.taken if one.token == token), None)
        if found is None or not self.city.resolves_tokens:
            if self.city.token_404:
                self._say(404, [{"code": 404, "description": "token not found"}], "errors", "error")
            else:
                self._say(200, [{"token": token}], "service_requests", "request")
            return
        found.id = found.id or f"T{token}"
        self._say(200, [{"service_request_id": found.id, "token": token}], "service_requests", "request")

    def _list(self, got: Got) -> None:
        if "service_request_id" in got.query:
            wanted = got.query["service_request_id"][0].split(",")
            if len(wanted) > 1 and not self.city.commas:
                self._say(400, [{"code": 400, "description": "one service_request_id at a time"}], "errors", "error")
                return
            self._requests([one for one in self.city.taken if one.id in wanted])
            return
        span = [datetime.fromisoformat(got.query[n][0].replace("Z", "+00:00")) for n in ("start_date", "end_date")]
        found = [one for one in self.city.taken if span[0] <= one.at <= span[1]]
        found = [one for one in found if one.service_code == got.query["service_code"][0]]
        if self.city.pages_of is not None:
            self._requests(found[: self.city.pages_of])
            return
        page, size = int(got.query.get("page", ["1"])[0]), int(got.query.get("page_size", ["50"])[0])
        self._requests(found[(page - 1) * size : page * size])

    def _requests(self, found: list[Taken]) -> None:
        rows = [
            {
                "service_request_id": one.id,
                "status": one.status,
                "status_notes": one.note,
                "service_code": one.service_code,
                "description": one.description if self.city.shows_descriptions else None,
                "requested_datetime": one.at.isoformat(),
            }
            for one in found
        ]
        self._say(200, rows, "service_requests", "request")

    # --- the webhook ---------------------------------------------------------------------------------------------

    def _hook(self, got: Got) -> None:
        if self._trouble(got):
            return
        key = got.headers["idempotency-key"]
        with self.city.lock:
            before = next((one for one in self.city.taken if one.key == key), None)
            their_id = f"H{len(self.city.taken) + 1}"
            made = before or Taken(their_id, "", got.body.decode(), "hook", key, self.city.clock())
            if before is None:
                self.city.taken.append(made)
        if before is not None and self.city.rejects_duplicates:
            self._raw(409, "application/json", json.dumps({"id": made.id}))
        elif not self._after(made):
            self._raw(200, "application/json", json.dumps({"id": made.id}) if self.city.ids != "none" else "")

    # --- trouble -------------------------------------------------------------------------------------------------

    def _trouble(self, got: Got) -> bool:
        """Answers with what goes wrong before anything is taken in."""
        mode, posted = self.city.mode, got.method == "POST"
        if mode == "down":
            self._raw(503, "text/html", HTML)
        elif mode == "html":
            self._raw(200, "text/html", HTML)
        elif mode == "redirects":
            self._raw(302, "text/plain", "", location="http://elsewhere.example/login")
        elif mode == "errors" and posted:
            self._say(400, [{"code": 400, "description": "General Service Error: the CRM is down"}], "errors", "error")
        elif mode == "refuses" and posted:
            self._say(400, [{"code": 400, "description": "address_string lies outside of the city"}], "errors", "error")
        elif mode == "key" and posted:
            self._say(403, [{"code": 403, "description": "Invalid api_key received"}], "errors", "error")
        elif mode == "empty" and posted:
            self._say(200, [], "service_requests", "request")
        else:
            return False
        return True

    def _take(self, key: str, description: str, service_code: str) -> Taken | None:
        with self.city.lock:
            if self.city.rejects_duplicates and any(one.description == description for one in self.city.taken):
                return None
            number = len(self.city.taken) + 1
            their_id = str(1000 + number) if self.city.ids in ("realtime", "none") else None
            made = Taken(their_id, f"tok{number}", description, service_code, key, self.city.clock())
            self.city.taken.append(made)
            return made

    def _after(self, made: Taken) -> bool:
        """What goes wrong once it is taken in; whether the answer is spoilt."""
        if self.city.mode == "takes_then_5xx":
            self._raw(500, "text/html", HTML)
        elif self.city.mode == "takes_then_html":
            self._raw(200, "text/html", HTML)
        elif self.city.mode == "slow":
            time.sleep(self.city.slow)
        elif self.city.mode == "drops":
            self.close_connection = True
            self.connection.close()
        else:
            return False
        return True

    # --- the line ------------------------------------------------------------------------------------------------

    def _remember(self) -> Got:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        form = parse_qs(body.decode()) if "urlencoded" in self.headers.get("content-type", "") else {}
        headers = {name.lower(): value for name, value in self.headers.items()}
        got = Got(self.command, address.path, parse_qs(address.query), form, headers, body)
        with self.city.lock:
            self.city.got.append(got)
        return got

    def _say(self, status: int, rows: Any, wrapper: str, each: str | None = None) -> None:
        if self.city.format == "json":
            self._raw(status, "application/json", json.dumps(rows))
            return
        inner = "".join(f"<{each}>{_xml(row)}</{each}>" for row in rows) if each else _xml(rows)
        self._raw(status, "text/xml", f'<?xml version="1.0" encoding="utf-8"?>\n<{wrapper}>{inner}</{wrapper}>')

    def _raw(self, status: int, kind: str, text: str, **headers: str) -> None:
        body = text.encode()
        try:
            self.send_response(status)
            self.send_header("content-type", f"{kind}; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked has hung up


def _xml(row: dict[str, Any]) -> str:
    """An object as elements; a list holds elements named in the singular."""
    parts = []
    for name, value in row.items():
        if isinstance(value, list):
            one = name.removesuffix("s")
            value = "".join(f"<{one}>{_xml(each)}</{one}>" for each in value)
        elif isinstance(value, bool):
            value = str(value).lower()
        else:
            value = "" if value is None else escape(str(value))
        parts.append(f"<{name}>{value}</{name}>")
    return "".join(parts)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A line that was cut is what some modes are about."""


@contextmanager
def city(**how: Any) -> Iterator[City]:
    """A running server; `url` is its endpoint, `url + "/hook"` its webhook."""
    made = City(**how)
    server = _Server(("127.0.0.1", 0), type("Talk", (_Talk,), {"city": made}))
    made.url = f"http://127.0.0.1:{server.server_address[1]}/open311/v2"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
