"""Talks to Telegram's Bot API: sends words and buttons, fetches photos, and gives every failure a name and a reason."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import telegram
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from cases.relay import Undeliverable

LONGEST = 4000
PHOTO_MOST = 10 * 1024 * 1024
TRIES = 4
PATIENCE = 60.0
WANTED = ["message", "edited_message", "callback_query"]
#: what we call Telegram's errors, and whether trying again can help
NAMES: tuple[tuple[type[TelegramError], str, bool], ...] = (
    (Forbidden, "blocked", False),
    (InvalidToken, "bad_token", False),
    (ChatMigrated, "chat_moved", False),
    (Conflict, "conflict", False),
    (BadRequest, "bad_request", False),
    (RetryAfter, "too_many_requests", True),
    (TimedOut, "timed_out", True),
    (NetworkError, "network", True),
)


class Undelivered(Exception):
    """A message did not reach the resident this time; `after`: seconds the other side asked to wait."""

    def __init__(self, name: str, reason: str, after: float | None = None) -> None:
        """`name` is a code (blocked, too_many_requests, network …), `reason` what the other side said."""
        super().__init__(f"{name}: {reason}")
        self.name, self.reason, self.after = name, reason, after


class NeverDelivered(Undelivered, Undeliverable):
    """Trying again can't help; the relay gives up at once."""


@dataclass(frozen=True)
class TelegramSettings:
    """How this installation reaches Telegram; without a token it doesn't."""

    token: str
    secret: str
    api: str
    mode: str
    public_url: str

    @classmethod
    def from_environment(cls) -> TelegramSettings | None:
        """MINHU_TELEGRAM_TOKEN, _SECRET, _API, _MODE (polling or webhook), MINHU_PUBLIC_URL; None without a token.

        Raises ValueError if the webhook has no secret or the mode is unknown.
        """
        token = os.environ.get("MINHU_TELEGRAM_TOKEN", "").strip()
        if not token:
            return None
        secret, mode = os.environ.get("MINHU_TELEGRAM_SECRET", ""), os.environ.get("MINHU_TELEGRAM_MODE", "polling")
        if mode not in ("polling", "webhook"):
            raise ValueError(f"MINHU_TELEGRAM_MODE={mode} is neither polling nor webhook")
        if mode == "webhook" and not secret:
            raise ValueError("MINHU_TELEGRAM_MODE=webhook needs MINHU_TELEGRAM_SECRET: anybody could write")
        api = os.environ.get("MINHU_TELEGRAM_API", "https://api.telegram.org").rstrip("/")
        return cls(token, secret, api, mode, os.environ.get("MINHU_PUBLIC_URL", "").rstrip("/"))


class TelegramApi:
    """One bot's access. Used in one event loop only, as its connections belong to it."""

    def __init__(self, settings: TelegramSettings, patience: float = PATIENCE) -> None:
        """`patience`: longest wait in seconds between two tries of the same message."""
        self._patience = patience
        self.bot = telegram.Bot(
            settings.token,
            base_url=f"{settings.api}/bot",
            base_file_url=f"{settings.api}/file/bot",
            request=HTTPXRequest(connection_pool_size=32, read_timeout=15, connect_timeout=10, pool_timeout=10),
            get_updates_request=HTTPXRequest(connection_pool_size=1, read_timeout=40, connect_timeout=10),
        )

    async def close(self) -> None:
        """Ends its connections."""
        await self.bot.shutdown()

    async def send(self, chat_id: int, text: str, keys: Sequence[tuple[str, str]] = (), tries: int = TRIES) -> None:
        """Sends words, in parts if they are too long for one message, and `keys` (title, callback key) under the last.

        Raises Undelivered when it failed for good or `tries` times.
        """
        parts = in_parts(text)
        for number, part in enumerate(parts, 1):
            markup = keyboard(keys) if keys and number == len(parts) else None
            await self._patiently(lambda p=part, m=markup: self.bot.send_message(chat_id, p, reply_markup=m), tries)

    async def photo(self, file_id: str) -> bytes:
        """The bytes of a photo. Raises Undelivered; `too_big` when it is larger than PHOTO_MOST."""
        file = await self._patiently(lambda: self.bot.get_file(file_id), TRIES)
        if (file.file_size or 0) > PHOTO_MOST:
            raise NeverDelivered("too_big", f"{file.file_size} bytes")
        return bytes(await self._patiently(file.download_as_bytearray, TRIES))

    async def _patiently(self, call: Any, tries: int) -> Any:
        for left in reversed(range(tries)):
            try:
                return await call()
            except TelegramError as refused:
                failure = named(refused)
                if isinstance(failure, NeverDelivered) or left == 0:
                    raise failure from refused
                wait = failure.after if failure.after is not None else 2.0 ** (tries - left - 1)
                if wait > self._patience:
                    raise failure from refused
                await asyncio.sleep(wait)
        raise AssertionError("tries is at least 1")


def named(refused: TelegramError) -> Undelivered:
    """Our name for an error of the Bot API."""
    for kind, name, again in NAMES:
        if isinstance(refused, kind):
            after = getattr(refused, "retry_after", None)
            seconds = after.total_seconds() if isinstance(after, timedelta) else after
            failure = Undelivered if again else NeverDelivered
            return failure(name, refused.message, None if seconds is None else float(seconds))
    return Undelivered("telegram", refused.message)


def keyboard(keys: Sequence[tuple[str, str]]) -> telegram.InlineKeyboardMarkup:
    """One button a row: titles are sentences, and thumbs are big."""
    rows = [[telegram.InlineKeyboardButton(title, callback_data=key)] for title, key in keys]
    return telegram.InlineKeyboardMarkup(rows)


def keys_of(seq: int, buttons: Sequence[dict[str, str]]) -> list[tuple[str, str]]:
    """Titles and callback keys: the place of a button in the transcript, as its payload may be over 64 bytes."""
    return [(button["title"], f"{seq}.{number}") for number, button in enumerate(buttons)]


def in_parts(text: str) -> list[str]:
    """Words in pieces that Telegram takes, broken at the end of a line where there is one."""
    parts = []
    while len(text) > LONGEST:
        cut = text.rfind("\n", LONGEST // 2, LONGEST)
        cut = cut if cut > 0 else LONGEST
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip("\n")
    return [*parts, text]


def chat_of(conversation_id: str) -> int:
    """Chat id in `telegram:<chat>:<user>`. Raises ValueError for any other id."""
    channel, chat, _ = conversation_id.split(":")
    if channel != "telegram":
        raise ValueError(f"{conversation_id} is no Telegram conversation")
    return int(chat)
