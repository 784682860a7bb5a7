"""The outbox: at least once, in order, with reasons, by several relays at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from cases.case import Conversation, Message
from cases.desk import Desk
from cases.relay import GIVE_UP_AFTER, LEASE, Relay, Undeliverable
from cases.store import Store, outbox
from tests.cases.conftest import Clock


def speak(desk: Desk, *texts: str, conversation: str = "web:1") -> None:
    desk.hear(conversation, "web", "你好", "hello")
    desk.take_over(conversation, "a")
    for text in texts:
        desk.staff_say(conversation, "a", text)


def states(store: Store) -> list[tuple[str, str | None]]:
    with store.read() as read:
        return [tuple(r) for r in read.execute(sa.select(outbox.c.state, outbox.c.last_error).order_by(outbox.c.id))]


class Post:
    """Stands where a channel delivers; fails as often as told."""

    def __init__(self, fail: int = 0, error: type[Exception] = ConnectionError) -> None:
        self.texts: list[str] = []
        self.fail, self.error, self.lock = fail, error, threading.Lock()

    def __call__(self, message: Message, conversation: Conversation) -> Any:
        with self.lock:
            if self.fail:
                self.fail -= 1
                raise self.error("the platform is down")
            self.texts.append(message.text)


def test_messages_leave_in_order_and_are_marked_sent(desk: Desk, store: Store, clock: Clock) -> None:
    speak(desk, "一", "二", "三")
    post = Post()
    relay = Relay(store, post, clock=clock)
    while relay.run_once():
        pass
    assert post.texts == ["一", "二", "三"] and {s for s, _ in states(store)} == {"sent"}
    assert [m.delivery for m in desk.transcript("web:1") if m.author == "staff"] == ["sent"] * 3


def test_a_failure_keeps_its_reason_and_is_tried_again_without_overtaking(
    desk: Desk, store: Store, clock: Clock
) -> None:
    speak(desk, "一", "二")
    post = Post(fail=1)
    relay = Relay(store, post, clock=clock)
    relay.run_once()
    relay.run_once()
    assert post.texts == [] and "the platform is down" in str(states(store)[0][1])
    clock.move(seconds=6)
    while relay.run_once():
        pass
    assert post.texts == ["一", "二"]


def test_giving_up_has_a_name_and_a_reason_and_lets_the_next_one_through(
    desk: Desk, store: Store, clock: Clock
) -> None:
    speak(desk, "一", "二")
    post = Post(fail=GIVE_UP_AFTER)
    relay = Relay(store, post, clock=clock)
    for _ in range(GIVE_UP_AFTER + 3):
        relay.run_once()
        clock.move(minutes=31)
    assert states(store)[0][0] == "given_up" and post.texts == ["二"]
    failed = next(m for m in desk.transcript("web:1") if m.text == "一")
    assert failed.delivery == "failed" and "the platform is down" in (failed.error or "")


def test_what_can_never_arrive_is_given_up_at_once(desk: Desk, store: Store, clock: Clock) -> None:
    speak(desk, "一")
    Relay(store, Post(fail=1, error=Undeliverable), clock=clock).run_once()
    assert states(store)[0][0] == "given_up"


def test_a_relay_that_was_killed_while_sending_loses_nothing(desk: Desk, store: Store, clock: Clock) -> None:
    speak(desk, "一")
    killed = Relay(store, Post(), clock=clock)
    assert len(killed._claim()) == 1
    post = Post()
    other = Relay(store, post, clock=clock)
    assert other.run_once() == 0
    clock.move(seconds=LEASE.total_seconds() + 1)
    other.run_once()
    assert post.texts == ["一"]


def test_several_relays_at_once_send_each_message_once(desk: Desk, store: Store, clock: Clock) -> None:
    for n in range(12):
        speak(desk, "一", "二", conversation=f"web:c{n}")
    post = Post()

    def work() -> None:
        relay = Relay(store, post, clock=clock)
        for _ in range(30):
            relay.run_once()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(post.texts) == ["一"] * 12 + ["二"] * 12


def test_what_the_page_has_fetched_is_not_sent_again(desk: Desk, store: Store, clock: Clock) -> None:
    speak(desk, "一")
    desk.sent(next(m.id for m in desk.transcript("web:1") if m.author == "staff"))
    post = Post()
    Relay(store, post, clock=clock).run_once()
    assert post.texts == [] and states(store)[0][0] == "sent"


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # PostgreSQL chooses by how much there is
def test_what_has_left_is_not_read_again_for_what_has_still_to(desk: Desk, store: Store, clock: Clock) -> None:
    """A resident who got thousands of notices would otherwise hold up everybody's."""
    speak(desk, "一")
    asked: list[tuple[str, Any]] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    Relay(store, Post(), clock=clock).run_once()
    claim = next((sql, values) for sql, values in asked if "earlier" in sql)
    with store.engine.connect() as read:
        plan = read.exec_driver_sql(f"EXPLAIN QUERY PLAN {claim[0]}", claim[1]).fetchall()
    assert any("earlier USING INDEX ix_outbox_unsent" in step[-1] for step in plan), plan
