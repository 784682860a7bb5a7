"""Statuses pushed by the case system outside, over real HTTP, until the resident is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from cases.case import Matter
from cases.handovers import Handovers
from cases.outside import Settings
from cases.webhook import Webhook, sign
from tests.channels.interface import Running, serve, sqlite_desk

SECRET = "a-secret-of-this-test-long-enough"


def address(running: Running) -> str:
    return f"http://127.0.0.1:{running.port}/handovers/status"


class There:
    """A case that was handed over by webhook, and the interface that hears of it."""

    def __init__(self, running: Running) -> None:
        self.running, self.desk = running, running.desk
        webhook = Webhook(Settings("webhook", "http://127.0.0.1:9/hook", secret=SECRET))
        self.handovers = Handovers(self.desk, webhook, moved=self.desk.outside)
        self.desk.hear("web:1", "web", "路灯坏了", "k")
        self.case = self.desk.file(Matter("web:1", "k", "complaint", ("路灯坏了",)))
        self.running.move(self.case.number, "register")
        self.handovers.take({"case_id": self.case.id, "number": self.case.number})

    @property
    def key(self) -> str:
        return self.handovers.of_case(self.case.id)[0].idempotency_key

    def push(self, secret: str = SECRET, late: timedelta = timedelta(0), body: bytes | None = None, **held: Any) -> int:
        at = datetime.now(timezone.utc)
        told = {"key": self.key, "status": "closed", "note": "灯已换好", "at": at.isoformat(), **held}
        sent = json.dumps(told).encode() if body is None else body
        headers = sign((secret.encode(),), "m1", at - late, sent)
        return self.running.http.post(address(self.running), content=sent, headers=headers).status_code

    def known(self) -> tuple[str | None, str | None]:
        (row,) = self.handovers.of_case(self.case.id)
        return row.their_status, row.their_note


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    monkeypatch.setenv("MINHU_OUTSIDE", "webhook")
    monkeypatch.setenv("MINHU_OUTSIDE_URL", "http://127.0.0.1:9/hook")
    monkeypatch.setenv("MINHU_OUTSIDE_SECRET", SECRET)
    with serve(sqlite_desk(tmp_path), tmp_path) as running:
        yield There(running)


def test_a_signed_status_reaches_the_case_once_and_played_again_changes_nothing(there: There) -> None:
    assert there.push() == 204
    assert there.known() == ("closed", "灯已换好")
    there.handovers.tell_due()
    told = [event.move for event in there.desk.timeline(there.case.id)]
    assert told.count("outside_answer") == 1
    assert there.push(at="2020-01-01T00:00:00+08:00", status="open") == 204
    assert there.push() == 204
    there.handovers.tell_due()
    assert [event.move for event in there.desk.timeline(there.case.id)] == told


def test_what_is_not_signed_by_them_just_now_is_not_read(there: There) -> None:
    assert there.push(secret="another-secret-just-as-long-as-ours") == 401
    assert there.push(late=timedelta(minutes=6)) == 401
    assert there.running.http.post(address(there.running), content=b"{}").status_code == 401
    assert there.known() == (None, None)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\x00", b"{}", b'{"key": 7}', b"[" * 90_000])
def test_a_signed_body_that_is_no_status_is_refused(there: There, body: bytes) -> None:
    assert there.push(body=body) == 400
    assert there.known() == (None, None)


def test_another_case_a_long_body_and_an_installation_without_webhook(
    there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert there.push(key="nobody's") == 404
    assert there.push(body=b"x" * 100_001) == 400
    monkeypatch.delenv("MINHU_OUTSIDE")
    other = tmp_path / "other"
    other.mkdir()
    with serve(sqlite_desk(other), other) as running:
        assert running.http.post(address(running), content=b"{}").status_code == 404
