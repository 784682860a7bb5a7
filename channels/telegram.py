"""Telegram, private chats only: webhook or polling in, the same gate as everybody, replies out through the Bot API."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import telegram
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from cases.attachments import NotKept
from cases.case import Message
from channels.desk import attachments_of_this_process, desk_of_this_process
from channels.gate import Answer, Gate, Inbound, NotTaken, Taken
from channels.telegram_api import (
    WANTED,
    TelegramApi,
    TelegramSettings,
    Undelivered,
    chat_of,
    keys_of,
)
from channels.words import Words, known_language

log = logging.getLogger("minhu.telegram")

POLL_SECONDS = 25
LATEST = 30
Route = Callable[..., Coroutine[Any, Any, HTTPResponse]]
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


class TelegramInput(InputChannel):
    """Rasa's way to Telegram; without a token it has no routes and does nothing."""

    @classmethod
    def name(cls) -> str:
        """Prefix of the conversation ids."""
        return "telegram"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> TelegramInput:
        """From the environment, see TelegramSettings. Raises ValueError when the settings contradict each other."""
        settings = TelegramSettings.from_environment()
        if settings is None:
            return cls(None, None, None)
        return cls(settings, desk_of_this_process(), attachments_of_this_process())

    def __init__(self, settings: TelegramSettings | None, desk: Any, attachments: Any, patience: float = 60.0) -> None:
        """`patience`: longest wait in seconds before the same message is tried again."""
        self._settings, self._desk, self._attachments, self._patience = settings, desk, attachments, patience
        self._words = Words.load()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sending: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._polling: asyncio.Task[None] | None = None
        self._me: telegram.User | None = None

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """See parent class."""
        routes = Blueprint("telegram")
        if self._settings is None:
            return routes
        self._gate = Gate(self._desk, self.name(), on_new_message, self._words)
        if self._settings.mode == "webhook":
            routes.add_route(self._as_function(self.webhook), "/webhook", methods=["POST"], name="webhook")
        routes.listener("before_server_start")(self._before)
        routes.listener("after_server_start")(self._after)
        routes.listener("before_server_stop")(self._stop)
        return routes

    # --- in ------------------------------------------------------------------------------------------------------

    async def webhook(self, request: Request) -> HTTPResponse:
        """One update from Telegram; 200 means that it is stored, or that there is nothing in it to store."""
        assert self._settings is not None
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._settings.secret.encode()):
            return response.text("", status=403)
        try:
            update = telegram.Update.de_json(request.json, self._api.bot)
        except Exception:
            log.exception("an update could not be read")
            return response.text("")
        try:
            await self.take(update)
        except NotTaken:
            return response.text("", status=503)
        return response.text("")

    async def poll(self) -> None:
        """Fetches updates for ever; one counts as fetched only when it is stored."""
        offset: int | None = None
        pause = 1.0
        while True:
            try:
                updates = await self._api.bot.get_updates(
                    offset=offset, timeout=POLL_SECONDS, allowed_updates=WANTED, read_timeout=POLL_SECONDS + 10
                )
                for update in updates:
                    await self.take(update)
                    offset = update.update_id + 1
                pause = 1.0
            except (telegram.error.TelegramError, NotTaken) as refused:
                log.warning("polling stopped for %.0f s: %s", pause, refused)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._patience)

    async def take(self, update: telegram.Update) -> None:
        """Stores what a resident wrote and starts answering it. Raises NotTaken only when the store refuses."""
        try:
            inbound = await self._inbound(update)
            if inbound is None:
                return
            taken, turn = await self._gate.receive(inbound)
        except NotTaken as refused:
            if refused.code == "store_down":
                raise
            log.info("update %s not taken: %s", update.update_id, refused.code)
            return
        self._keep(self._answer(taken, turn))

    async def _inbound(self, update: telegram.Update) -> Inbound | None:
        if update.callback_query is not None:
            return await self._button(update.callback_query, f"u{update.update_id}")
        message = update.message or update.edited_message
        if message is None or message.from_user is None or message.from_user.is_bot:
            return None
        if message.chat.type != "private":
            await self._point_to_private_chat(message)
            return None
        return await self._private(message, message.from_user, f"u{update.update_id}", edited=update.message is None)

    async def _private(self, message: telegram.Message, user: telegram.User, ref: str, edited: bool) -> Inbound | None:
        conversation = f"{self.name()}:{message.chat.id}:{user.id}"
        language = self._language(conversation, user)
        words = message.text or message.caption or ""
        if edited:
            return Inbound(conversation, self._words.stored_as("edited", language, words=words), ref) if words else None
        if message.photo:
            return await self._photo(conversation, words, ref, message.photo[-1], language)
        if words:
            return Inbound(conversation, words, ref, payload=self._command(words))
        return Inbound(conversation, self._stand_in(message, language), ref) if speaks(message) else None

    async def _photo(
        self, conversation: str, words: str, ref: str, photo: telegram.PhotoSize, language: str
    ) -> Inbound:
        try:
            content = await self._api.photo(photo.file_id)
            key = await asyncio.to_thread(self._attachments.keep, content, conversation)
        except (Undelivered, NotKept, OSError) as lost:
            log.warning("photo of %s lost: %s", conversation, lost)
            return Inbound(conversation, words or self._words.stored_as("photo", language), ref)
        return Inbound(conversation, words, ref, attachments=(key,))

    async def _button(self, query: telegram.CallbackQuery, ref: str) -> Inbound | None:
        with contextlib.suppress(telegram.error.TelegramError):
            await query.answer()
        if query.message is None or query.message.chat.type != "private":
            return None
        conversation = f"{self.name()}:{query.message.chat.id}:{query.from_user.id}"
        seq, _, number = (query.data or "").partition(".")
        if not (seq.isdigit() and number.isdigit()):
            return None
        said = self._desk.transcript(conversation, after_seq=int(seq) - 1, limit=1)
        buttons = said[0].buttons if said and said[0].seq == int(seq) else ()
        if int(number) >= len(buttons):
            return None
        button = buttons[int(number)]
        return Inbound(conversation, button["title"], ref, payload=button["payload"])

    def _stand_in(self, message: telegram.Message, language: str) -> str:
        if message.location is not None:
            at = {"latitude": message.location.latitude, "longitude": message.location.longitude}
            return self._words.stored_as("location", language, **at)
        if message.voice or message.audio or message.video_note:
            return self._words.stored_as("voice", language)
        return self._words.stored_as("sticker" if message.sticker else "unreadable", language)

    def _command(self, words: str) -> str | None:
        name = words.split()[0].partition("@")[0] if words.startswith("/") else ""
        return next((c.payload for c in self._words.commands if name == f"/{c.command}"), None)

    def _language(self, conversation: str, user: telegram.User) -> str:
        try:
            return known_language(self._desk.conversation(conversation).language)
        except KeyError:
            return "en" if (user.language_code or "").startswith("en") else "zh"

    async def _point_to_private_chat(self, message: telegram.Message) -> None:
        """In a group only whoever calls the bot by name gets an answer, and only where to go."""
        me = self._me
        if me is None or not calls(message, me):
            return
        user = message.from_user
        language = "en" if user and (user.language_code or "").startswith("en") else "zh"
        told = self._words.reply("not_in_groups", language)
        with contextlib.suppress(Undelivered):
            await self._api.send(message.chat.id, f"{told}\nhttps://t.me/{me.username}", tries=1)

    # --- out -----------------------------------------------------------------------------------------------------

    async def _answer(self, taken: Taken, turn: asyncio.Task[Answer]) -> None:
        with contextlib.suppress(telegram.error.TelegramError):
            await self._api.bot.send_chat_action(chat_of(taken.inbound.conversation_id), "typing")
        await turn
        await self.deliver(taken.inbound.conversation_id)

    async def deliver(self, conversation_id: str) -> None:
        """Sends the bot's stored words that still wait, in order: each ends as sent, or as failed with its reason.

        What was stored before a kill and never sent goes out first, with the resident's next message.
        """
        async with self._sending.setdefault(conversation_id, asyncio.Lock()):
            latest = self._desk.transcript(conversation_id, tail=LATEST, own=True)
            failure: Undelivered | None = None
            for reply in (m for m in latest if m.author == "bot" and m.delivery == "waiting"):
                failure = failure or await self._sent(reply)
                await self._gate.write(partial(self._note, reply, failure))

    async def _sent(self, reply: Message) -> Undelivered | None:
        try:
            await self._api.send(chat_of(reply.conversation_id), reply.text, keys_of(reply.seq, reply.buttons))
        except Undelivered as failure:
            return failure
        return None

    def _note(self, reply: Message, failure: Undelivered | None) -> None:
        if failure is None:
            self._desk.sent(reply.id)
        else:
            self._desk.failed(reply.id, str(failure))

    # --- the server's life ---------------------------------------------------------------------------------------

    async def _before(self, app: Sanic, _: Any) -> None:
        assert self._settings is not None
        self._api = TelegramApi(self._settings, self._patience)
        for taken, turn in self._gate.recover():
            self._keep(self._answer(taken, turn))

    async def _after(self, app: Sanic, _: Any) -> None:
        self._gate.open()
        self._keep(self._introduce())

    async def _introduce(self) -> None:
        """Learns the bot's own name, offers its commands, then settles how updates come in."""
        assert self._settings is not None
        pause = 1.0
        while True:
            try:
                self._me = await self._api.bot.get_me()
                for language in ("zh", "en"):
                    menu = [telegram.BotCommand(c.command or "", c.title[language]) for c in self._words.commands]
                    await self._api.bot.set_my_commands(menu, language_code=None if language == "zh" else language)
                if self._settings.mode == "polling":
                    await self._api.bot.delete_webhook()
                elif self._settings.public_url:
                    url = f"{self._settings.public_url}/telegram/webhook"
                    await self._api.bot.set_webhook(url, secret_token=self._settings.secret, allowed_updates=WANTED)
                break
            except telegram.error.InvalidToken:
                log.error("Telegram doesn't know MINHU_TELEGRAM_TOKEN; the channel stays off")
                return
            except telegram.error.TelegramError as refused:
                log.warning("Telegram can't be reached, again in %.0f s: %s", pause, refused)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._patience)
        if self._settings.mode == "polling":
            self._polling = self._keep(self.poll())

    async def _stop(self, app: Sanic, _: Any) -> None:
        if self._polling is not None:
            self._polling.cancel()
        await self._gate.finish()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3)
        for task in self._tasks:
            task.cancel()
        await self._api.close()

    @staticmethod
    def _as_function(method: Route) -> Route:
        """Sanic writes attributes onto what handles a route, and a method takes none."""

        async def handle(request: Request) -> HTTPResponse:
            return await method(request)

        return handle

    def _keep(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def calls(message: telegram.Message, me: telegram.User) -> bool:
    """Whether a group's message names the bot or answers it."""
    answered = message.reply_to_message.from_user if message.reply_to_message else None
    named = me.username is not None and f"@{me.username}".lower() in (message.text or message.caption or "").lower()
    return named or (answered is not None and answered.id == me.id)


def speaks(message: telegram.Message) -> bool:
    """Whether somebody sent something, rather than that Telegram reports an event of the chat itself."""
    return any(
        getattr(message, kind, None)
        for kind in (
            "voice", "audio", "video", "video_note", "sticker", "animation", "document", "location", "venue", "contact",
            "poll", "dice", "story",
        )
    )  # fmt: skip
