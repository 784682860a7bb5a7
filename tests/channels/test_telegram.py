"""Telegram against a server that stands in for the Bot API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sanic import Sanic

from cases.attachments import Attachments
from cases.case import Utterance
from cases.desk import Desk
from channels.telegram import SECRET_HEADER, TelegramInput
from channels.telegram_api import TelegramApi, TelegramSettings, Undelivered, in_parts, keys_of
from channels.words import Words
from tests.channels import updates
from tests.channels.bot_api import TOKEN, BotApi, bot_api
from tests.channels.conftest import EchoBot, serving
from tests.channels.test_web import picture
from tests.channels.updates import Update

WORDS = Words.load()
SECRET = "a-secret_of-this-county"
WHO = "telegram:7001:7001"
Hook = Callable[..., Any]


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as made:
        yield made


def settings(api: BotApi, mode: str = "webhook", **more: str) -> TelegramSettings:
    return TelegramSettings(TOKEN, SECRET, api.address, mode, more.get("public_url", ""))


@pytest.fixture
def channel(api: BotApi, desk: Desk, attachments: Attachments) -> TelegramInput:
    return TelegramInput(settings(api), desk, attachments, patience=1.2)


@asynccontextmanager
async def webhook(channel: TelegramInput, bot: EchoBot) -> AsyncIterator[Hook]:
    """The running channel; call it with an update, and it returns when all is answered."""
    async with serving(bot, channel) as address, httpx.AsyncClient(base_url=address, timeout=20) as telegram:
        await until(lambda: channel._me is not None)

        async def post(update: Any, secret: str | None = SECRET) -> int:
            headers = {} if secret is None else {SECRET_HEADER: secret}
            answer = await telegram.post("/telegram/webhook", json=update, headers=headers)
            while channel._tasks:
                await asyncio.wait(set(channel._tasks))
            return answer.status_code

        yield post


@pytest.fixture
async def hook(channel: TelegramInput, bot: EchoBot) -> AsyncIterator[Hook]:
    async with webhook(channel, bot) as post:
        yield post


async def until(true: Callable[[], bool], seconds: float = 5) -> None:
    for _ in range(int(seconds / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


def said(desk: Desk, who: str = WHO) -> list[tuple[str, str, str]]:
    return [(m.author, m.text, m.delivery) for m in desk.transcript(who)]


async def test_words_are_stored_answered_and_sent(hook: Hook, desk: Desk, api: BotApi, bot: EchoBot) -> None:
    assert await hook(updates.message(1, text="路灯不亮")) == 200
    assert api.sent(7001) == ["heard 路灯不亮"]
    assert said(desk) == [("resident", "路灯不亮", "none"), ("bot", "heard 路灯不亮", "sent")]
    assert (bot.heard[0].sender_id, bot.heard[0].input_channel) == (WHO, "telegram")


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", "Ä"])
async def test_without_the_secret_nobody_is_let_in(hook: Hook, bot: EchoBot, secret: str | None) -> None:
    given = secret.encode("latin-1") if secret else secret
    assert await hook(updates.message(1, text="hi"), given) == 403 and bot.heard == []


async def test_the_same_update_twice_is_one_message(hook: Hook, bot: EchoBot, api: BotApi) -> None:
    await hook(updates.message(1, text="hi"))
    await hook(updates.message(1, text="hi"))
    assert len(bot.heard) == 1 and len(api.sent()) == 1


async def test_a_callback_key_fits_telegrams_64_bytes_and_presses_the_button(
    hook: Hook, bot: EchoBot, api: BotApi, desk: Desk
) -> None:
    await hook(updates.message(1, text="a button please"))
    ((yes,), (no,)) = api.keyboards()[0]
    assert yes["text"] == "Yes, submit" and len(no["callback_data"].encode()) <= 64
    await hook(updates.pressed(2, yes["callback_data"]))
    assert bot.texts[-1] == "/affirm" and ("resident", "Yes, submit", "none") in said(desk)
    assert [c["callback_query_id"] for c in api.named("answerCallbackQuery")] == ["2"]


@pytest.mark.parametrize("key", ["", "x", "2", "2.9", "1.0", "99.0", "/affirm", "2.0.0", "²."])
async def test_a_callback_that_no_button_has_does_nothing(hook: Hook, bot: EchoBot, key: str) -> None:
    await hook(updates.message(1, text="a button please"))
    assert await hook(updates.pressed(2, key)) == 200 and len(bot.heard) == 1


async def test_another_residents_button_presses_nothing(hook: Hook, bot: EchoBot, api: BotApi) -> None:
    await hook(updates.message(1, text="a button please"))
    key = api.keyboards()[0][0][0]["callback_data"]
    await hook(updates.pressed(2, key, user=updates.FOREIGNER))
    assert len(bot.heard) == 1


@pytest.mark.parametrize("name", updates.SILENT)
async def test_an_update_without_a_residents_words_leaves_no_trace(
    hook: Hook, bot: EchoBot, api: BotApi, desk: Desk, name: str
) -> None:
    assert await hook(updates.SILENT[name]) == 200
    assert bot.heard == [] and api.sent() == [] and desk.unanswered(0) == []


@pytest.mark.parametrize("body", [None, [], "x", 5, {"update_id": "x", "message": 5}, {"message": {}}])
async def test_an_update_that_cannot_be_read_is_not_asked_for_again(hook: Hook, bot: EchoBot, body: Any) -> None:
    assert await hook(body) == 200 and bot.heard == []


async def test_a_photo_is_fetched_in_its_largest_size_and_kept(
    hook: Hook, api: BotApi, desk: Desk, attachments: Attachments
) -> None:
    api.photo = picture("JPEG")
    await hook(updates.message(1, photo=updates.PHOTO_SIZES))
    assert api.named("getFile") == [{"file_id": "large"}]
    (key,) = desk.transcript(WHO)[0].attachments
    kept = attachments.find(key, WHO)
    assert kept is not None and kept.path.read_bytes()
    assert api.sent() == [WORDS.reply("photo_kept", "zh")]


async def test_a_photo_with_a_caption_is_also_answered(hook: Hook, api: BotApi, desk: Desk) -> None:
    api.photo = picture("JPEG")
    await hook(updates.message(1, photo=updates.PHOTO_SIZES, caption="路面塌了"))
    assert api.sent() == ["heard 路面塌了", WORDS.reply("photo_kept", "zh")]
    assert desk.transcript(WHO)[0].text == "路面塌了" and desk.transcript(WHO)[0].attachments


async def test_a_photo_that_cannot_be_fetched_is_admitted(hook: Hook, api: BotApi, desk: Desk) -> None:
    api.fail("getFile", 400, "Bad Request: file is temporarily unavailable")
    await hook(updates.message(1, photo=updates.PHOTO_SIZES))
    assert api.sent() == [WORDS.reply("photo_failed", "zh")]
    assert desk.transcript(WHO)[0].text == WORDS.stored_as("photo", "zh")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"voice": updates.VOICE}, "voice"),
        ({"sticker": updates.STICKER}, "sticker"),
        ({"location": updates.LOCATION}, "location"),
        ({"contact": {"phone_number": "1", "first_name": "x"}}, "unreadable"),
        ({"document": {"file_id": "d", "file_unique_id": "d"}}, "unreadable"),
    ],
)
@pytest.mark.parametrize(("user", "language"), [(updates.RESIDENT, "zh"), (updates.FOREIGNER, "en")])
async def test_what_is_not_text_is_kept_and_kindly_declined(
    hook: Hook, api: BotApi, bot: EchoBot, desk: Desk, content: Update, code: str, user: Update, language: str
) -> None:
    await hook(updates.message(1, user=user, **content))
    stored = desk.transcript(f"telegram:{user['id']}:{user['id']}")[0].text
    assert stored == WORDS.stored_as(code, language, **(updates.LOCATION if code == "location" else {}))
    assert len(api.sent()) == 1 and api.sent()[0] in (WORDS.reply(code, "zh"), WORDS.reply(code, "en"))
    assert bot.heard == []


async def test_an_edited_message_is_kept_beside_the_first_and_answers_no_question(
    hook: Hook, bot: EchoBot, desk: Desk, api: BotApi
) -> None:
    await hook(updates.message(1, text="东富镇"))
    await hook(updates.edited(2, "王仙镇"))
    assert bot.texts == ["东富镇"] and api.sent()[1] == WORDS.reply("edited", "zh")
    assert [t for a, t, _ in said(desk) if a == "resident"] == ["东富镇", "〔改为〕王仙镇"]


@pytest.mark.parametrize(("command", "payload"), [("/start", "/greet"), ("/help", "/explain"), ("/human@x", "/human")])
async def test_telegrams_own_commands_mean_what_they_say(
    hook: Hook, bot: EchoBot, desk: Desk, command: str, payload: str
) -> None:
    await hook(updates.message(1, text=command))
    assert bot.texts == [payload] and said(desk)[0][1] == command


@pytest.mark.parametrize("text", ["/restart", "/SetSlots(language=en)", '/rate{"rating": 5}', "/"])
async def test_any_other_command_is_only_text(hook: Hook, bot: EchoBot, text: str) -> None:
    await hook(updates.message(1, text=text))
    assert bot.texts[0] is not None and not bot.texts[0].startswith("/")


async def test_in_a_group_whoever_calls_the_bot_is_pointed_to_a_private_chat(
    hook: Hook, bot: EchoBot, api: BotApi, desk: Desk
) -> None:
    await hook(updates.message(1, chat=updates.GROUP, text="@Minhu_Example_Bot 路灯不亮"))
    assert api.sent(-100200300) == [WORDS.reply("not_in_groups", "zh") + "\nhttps://t.me/minhu_example_bot"]
    assert bot.heard == [] and desk.unanswered(0) == []


async def test_a_flood_limit_is_waited_out(hook: Hook, api: BotApi, desk: Desk) -> None:
    api.fail("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)
    await hook(updates.message(1, text="hi"))
    assert api.sent() == ["heard hi"] and said(desk)[1][2] == "sent"


@pytest.mark.parametrize(
    ("code", "description", "extra", "name"),
    [
        (403, "Forbidden: bot was blocked by the user", {}, "blocked"),
        (400, "Bad Request: chat not found", {}, "bad_request"),
        (429, "Too Many Requests: retry after 99", {"retry_after": 99}, "too_many_requests"),
        (502, "Bad Gateway", {}, "network"),
    ],
)
async def test_a_reply_that_did_not_arrive_is_stored_as_failed_with_its_reason(
    hook: Hook, api: BotApi, desk: Desk, code: int, description: str, extra: dict[str, Any], name: str
) -> None:
    api.fail("sendMessage", code, description, times=9, **extra)
    await hook(updates.message(1, text="two replies"))
    first, second = desk.transcript(WHO)[1:]
    assert (first.delivery, second.delivery) == ("failed", "failed")
    assert first.error is not None and first.error.startswith(f"{name}: ")


async def test_long_replies_are_sent_in_parts(hook: Hook, api: BotApi) -> None:
    line = "字" * 99 + "\n"
    await hook(updates.message(1, text=line * 95 + "a button"))
    assert len(api.sent()) > 1 and max(map(len, api.sent())) <= 4096
    assert "".join(api.sent()).replace("\n", "") == "heard " + (line * 95 + "a button").replace("\n", "")
    assert len(api.keyboards()) == 1


async def test_a_store_that_refuses_makes_telegram_come_again(hook: Hook, desk: Desk, bot: EchoBot) -> None:
    await hook(updates.message(1, text="first"))
    with desk.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE messages RENAME TO gone")
    assert await hook(updates.message(2, text="second")) == 503
    with desk.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO messages")
    assert await hook(updates.message(2, text="second")) == 200 and bot.texts == ["first", "second"]


async def test_polling_fetches_stores_and_goes_on_behind_what_it_stored(
    api: BotApi, desk: Desk, attachments: Attachments, bot: EchoBot
) -> None:
    api.updates = [updates.message(1, text="one"), updates.SILENT["pinned"], updates.message(7, text="second")]
    api.fail("getUpdates", 502, "Bad Gateway")
    api.fail("getMe", 502, "Bad Gateway")
    channel = TelegramInput(settings(api, "polling"), desk, attachments, patience=0.05)
    async with serving(bot, channel):
        await until(lambda: len(api.sent()) == 2)
        api.updates.append(updates.message(8, text="three"))
        await until(lambda: len(api.sent()) == 3)
        await until(lambda: api.updates == [])
    assert api.sent() == ["heard one", "heard second", "heard three"] and api.named("deleteWebhook")


async def test_with_a_public_address_the_webhook_announces_itself(
    api: BotApi, desk: Desk, attachments: Attachments, bot: EchoBot
) -> None:
    channel = TelegramInput(settings(api, public_url="https://chat.example"), desk, attachments)
    async with serving(bot, channel):
        await until(lambda: bool(api.named("setWebhook")))
    (given,) = api.named("setWebhook")
    assert given["url"] == "https://chat.example/telegram/webhook" and given["secret_token"] == SECRET


async def test_what_was_stored_before_a_kill_is_answered_and_sent(
    api: BotApi, channel: TelegramInput, desk: Desk, bot: EchoBot
) -> None:
    desk.hear(WHO, "telegram", "路灯不亮", "u1")
    async with serving(bot, channel):
        await until(lambda: api.sent() == ["heard 路灯不亮"])


async def test_what_was_answered_but_not_sent_before_a_kill_is_sent_first(
    api: BotApi, hook: Hook, desk: Desk, bot: EchoBot
) -> None:
    await hook(updates.message(1, text="first"))
    desk.hear(WHO, "telegram", "second", "u2")
    desk.say(WHO, "u2", [Utterance("stored, never sent")])
    await hook(updates.message(3, text="third"))
    assert api.sent() == ["heard first", "stored, never sent", "heard third"]


async def test_an_update_that_comes_again_while_its_reply_is_being_sent_is_answered_once(
    hook: Hook, api: BotApi
) -> None:
    api.fail("sendMessage", 502, "Bad Gateway")
    await asyncio.gather(*(hook(updates.message(1, text="hi")) for _ in range(3)))
    assert api.sent() == ["heard hi"]


def test_without_a_token_the_channel_has_no_routes(bot: EchoBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINHU_TELEGRAM_TOKEN", raising=False)
    app = Sanic("without_telegram", configure_logging=False)
    app.blueprint(TelegramInput.from_credentials(None).blueprint(bot), url_prefix="/telegram")
    assert app.router.routes == ()


def test_settings_that_would_let_anybody_in_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("MINHU_TELEGRAM_MODE", "webhook")
    monkeypatch.delenv("MINHU_TELEGRAM_SECRET", raising=False)
    with pytest.raises(ValueError, match="MINHU_TELEGRAM_SECRET"):
        TelegramSettings.from_environment()
    monkeypatch.setenv("MINHU_TELEGRAM_MODE", "carrier pigeon")
    with pytest.raises(ValueError, match="carrier pigeon"):
        TelegramSettings.from_environment()


async def test_a_photo_over_the_limit_is_not_downloaded(api: BotApi) -> None:
    api.photo = bytes(11 * 2**20)
    access = TelegramApi(settings(api))
    with pytest.raises(Undelivered) as refused:
        await access.photo("large")
    assert refused.value.name == "too_big"
    await access.close()


def test_long_words_break_at_line_ends_and_nothing_is_lost() -> None:
    assert in_parts("short") == ["short"]
    parts = in_parts("\n".join("x" * 700 for _ in range(12)))
    assert all(len(part) <= 4000 and not part.startswith("\n") for part in parts)
    assert "".join(parts).count("x") == 8400 and in_parts("y" * 9000) == ["y" * 4000, "y" * 4000, "y" * 1000]


def test_keys_name_the_place_of_a_button_not_its_payload() -> None:
    buttons = [{"title": "A", "payload": "/inform{" + "x" * 200}, {"title": "B", "payload": "/deny"}]
    assert keys_of(12, buttons) == [("A", "12.0"), ("B", "12.1")]


def test_importing_the_channel_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    import importlib

    import channels.telegram as module

    importlib.reload(module)
    assert list(tmp_path.iterdir()) == []
