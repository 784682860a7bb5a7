"""Speaks first: carries a stored message of staff, or a notice, to the resident's own channel."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from cases.case import Conversation, Message
from channels.telegram_api import NeverDelivered, TelegramApi, TelegramSettings, Undelivered, chat_of, keys_of

#: tries within one delivery; the relay comes again later with its own patience
TRIES = 2
#: channels that ask by themselves for what was said
PULLED = ("web", "open311")


class Push:
    """Delivers for one process; keeps its connections and their event loop between deliveries."""

    def __init__(self, settings: TelegramSettings | None) -> None:
        """`settings`: how Telegram is reached, None if this installation doesn't."""
        self._loop = asyncio.new_event_loop()
        self._api = None if settings is None else TelegramApi(settings, patience=5.0)

    def deliver(self, message: Message, conversation: Conversation) -> str:
        """Returns "sent", or "pull" when the resident's page, or the system they filed through, fetches it by itself.

        Raises Undelivered with name and reason, and NeverDelivered (the relay's Undeliverable) when trying again
        can't help.
        """
        channel = conversation.channel
        if channel in PULLED:
            return "pull"
        if channel != "telegram":
            raise NeverDelivered("unknown_channel", channel)
        if self._api is None:
            raise Undelivered("channel_off", "MINHU_TELEGRAM_TOKEN is not set")
        keys = keys_of(message.seq, message.buttons)
        self._loop.run_until_complete(self._api.send(chat_of(message.conversation_id), message.text, keys, TRIES))
        return "sent"

    def close(self) -> None:
        """Ends its connections."""
        if self._api is not None:
            self._loop.run_until_complete(self._api.close())
        self._loop.close()


def deliver(message: Message, conversation: Conversation) -> str:
    """See Push.deliver; the settings are the environment's."""
    return _push_of_this_process().deliver(message, conversation)


@lru_cache(maxsize=1)
def _push_of_this_process() -> Push:
    return Push(TelegramSettings.from_environment())
