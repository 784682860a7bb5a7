"""Speaking first: what the relay hands over reaches the resident's own channel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from cases.case import Message, Utterance
from cases.desk import Desk
from cases.relay import Undeliverable
from channels.push import Push
from channels.telegram_api import TelegramSettings, Undelivered
from tests.channels.bot_api import TOKEN, BotApi, bot_api
from tests.running import ROOT


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as made:
        yield made


@pytest.fixture
def push(api: BotApi) -> Iterator[Push]:
    made = Push(TelegramSettings(TOKEN, "s", api.address, "polling", ""))
    yield made
    made.close()


def stored(desk: Desk, who: str, text: str = "办结了", **more: object) -> Message:
    desk.hear(who, who.partition(":")[0], "hi", "r1")
    (message,) = desk.say(who, "r1", [Utterance(text, **more)]).replies  # type: ignore[arg-type]
    return message


def test_a_notice_reaches_the_residents_chat_with_its_buttons(push: Push, api: BotApi, desk: Desk) -> None:
    message = stored(desk, "telegram:7001:7001", buttons=({"title": "5", "payload": '/rate{"rating": 5}'},))
    assert push.deliver(message, desk.conversation("telegram:7001:7001")) == "sent"
    assert api.sent(7001) == ["办结了"] and api.keyboards() == [[[{"text": "5", "callback_data": f"{message.seq}.0"}]]]


def test_several_in_a_row_use_the_same_connection(push: Push, api: BotApi, desk: Desk) -> None:
    message = stored(desk, "telegram:7001:7001")
    for _ in range(3):
        push.deliver(message, desk.conversation("telegram:7001:7001"))
    assert len(api.sent()) == 3


def test_the_web_page_fetches_its_own(push: Push, api: BotApi, desk: Desk) -> None:
    assert push.deliver(stored(desk, "web:a"), desk.conversation("web:a")) == "pull"
    assert api.calls == []


@pytest.mark.parametrize(
    ("code", "description", "name", "final"),
    [
        (403, "Forbidden: bot was blocked by the user", "blocked", True),
        (400, "Bad Request: chat not found", "bad_request", True),
        (502, "Bad Gateway", "network", False),
    ],
)
def test_a_failure_has_a_name_a_reason_and_says_whether_to_try_again(
    push: Push, api: BotApi, desk: Desk, code: int, description: str, name: str, final: bool
) -> None:
    api.fail("sendMessage", code, description, times=5)
    with pytest.raises(Undelivered) as refused:
        push.deliver(stored(desk, "telegram:7001:7001"), desk.conversation("telegram:7001:7001"))
    assert (refused.value.name, isinstance(refused.value, Undeliverable)) == (name, final)
    assert refused.value.reason.lower() in description.lower()


def test_a_long_flood_limit_is_left_to_the_relay(push: Push, api: BotApi, desk: Desk) -> None:
    api.fail("sendMessage", 429, "Too Many Requests: retry after 40", retry_after=40)
    with pytest.raises(Undelivered) as refused:
        push.deliver(stored(desk, "telegram:7001:7001"), desk.conversation("telegram:7001:7001"))
    assert (refused.value.name, refused.value.after) == ("too_many_requests", 40.0)
    assert not isinstance(refused.value, Undeliverable)


def test_without_a_token_a_telegram_message_waits_for_one(desk: Desk) -> None:
    off = Push(None)
    with pytest.raises(Undelivered) as refused:
        off.deliver(stored(desk, "telegram:7001:7001"), desk.conversation("telegram:7001:7001"))
    assert refused.value.name == "channel_off" and not isinstance(refused.value, Undeliverable)
    off.close()


def test_the_relay_needs_no_rasa_to_push() -> None:
    program = "import sys, channels.push; print([m for m in sys.modules if m.split('.')[0] in ('rasa', 'tensorflow')])"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
