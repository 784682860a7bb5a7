"""One request to a system outside: held back while staging, never redirected, bounded in size and time."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from cases.outside import HeldBack, Rejected, Temporary

#: seconds for one step (connecting, each piece of an answer), and for a whole exchange
STEP, WHOLE = 15.0, 45.0
LONGEST = 4_000_000
LONGEST_WAIT = timedelta(days=1)
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status but a redirect."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8, without a byte order mark; what is no UTF-8 shows as such."""
        return self.body.decode("utf-8-sig", errors="replace")

    @property
    def refusal(self) -> str:
        """The reason that a 4xx is kept under."""
        return "key_refused" if self.status in (401, 403) else "rejected"

    def raise_if_later(self) -> None:
        """Raises Temporary for what every HTTP server says when it can't just now."""
        if self.status in (408, 425, 429):
            raise Temporary("busy", f"HTTP {self.status}", after=self._asked_wait())
        if self.status >= 500:
            raise Temporary("server_error", f"HTTP {self.status}", unclear=True, after=self._asked_wait())

    def _asked_wait(self) -> timedelta | None:
        seconds = self.headers.get("retry-after", "")
        return min(timedelta(seconds=int(seconds[:9])), LONGEST_WAIT) if seconds.isdigit() else None


def on_this_machine(host: str) -> bool:
    """Whether a host is loopback by its name or number; nothing is looked up, as a name server may say anything."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Reach:
    """Sends requests. Raises Temporary, Rejected, HeldBack.

    A connection is used once: one that the other side closed in between would look like a lost answer.
    """

    def __init__(self, staging: bool, step: float = STEP) -> None:
        """`staging`: only this machine may be reached, and no proxy of the environment is asked."""
        self._staging, self._step = staging, step
        self._opened: httpx.Client | None = None

    @property
    def _client(self) -> httpx.Client:
        if self._opened is None:
            self._opened = httpx.Client(
                timeout=self._step,
                follow_redirects=False,
                trust_env=not self._staging,
                limits=httpx.Limits(max_keepalive_connections=0),
                event_hooks={"request": [self._hold]},
            )
        return self._opened

    def _hold(self, request: httpx.Request) -> None:
        """Runs before every request, wherever its address came from."""
        if self._staging and not on_this_machine(request.url.host):
            raise HeldBack(request.url.host)

    def ask(self, method: str, url: str, **sent: Any) -> Answer:
        """One exchange; `sent` as httpx takes it (params, data, content, headers)."""
        try:
            with self._client.stream(method, url, **sent) as response:
                answer = Answer(response.status_code, response.headers, self._read(response))
        except NEVER_SENT as failed:
            raise Temporary("not_reached", f"{type(failed).__name__}: {failed}") from failed
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as wrong:
            raise Rejected("bad_address", str(wrong)) from wrong
        except httpx.RequestError as broken:
            raise Temporary("no_answer", f"{type(broken).__name__}: {broken}", unclear=True) from broken
        if 300 <= answer.status < 400:
            raise Rejected("redirected", answer.headers.get("location", ""))
        answer.raise_if_later()
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        """The body; who sends too much or too slowly is broken off."""
        until, parts, size = time.monotonic() + WHOLE, [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > LONGEST:
                raise Temporary("unreadable", f"more than {LONGEST} bytes", unclear=True)
            if time.monotonic() > until:
                raise Temporary("no_answer", f"not whole within {WHOLE:g} s", unclear=True)
            parts.append(part)
        return b"".join(parts)
