"""What every message passes, whatever its channel: checked, stored, then answered in order and once."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage

from cases.case import Message, Utterance
from channels.commits import Commits
from channels.words import Words, known_language

log = logging.getLogger("minhu.gate")

UNDERSTOOD = 10_000
HARD_LIMIT = 100_000
TURN_SECONDS = 45.0
LIVE_WITHIN = 30
LONGEST_TITLE = 100
REMEMBERED = 5000
PERSON = "/human"
REF = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
#: looks like the slash it stands for and means nothing to Rasa
PLAIN_SLASH = "\uff0f"

Made = TypeVar("Made")
Buttons = tuple[dict[str, str], ...]
OnNewMessage = Callable[[UserMessage], Awaitable[Any]]


class NotTaken(Exception):
    """A message that was not stored. `code` is in words.yml under errors; `blanks` fill its text."""

    def __init__(self, code: str, **blanks: Any) -> None:
        """`code`: empty, too_long, not_text, bad_ref or store_down."""
        super().__init__(code)
        self.code, self.blanks = code, blanks


class OldButton(Exception):
    """A button was pressed that belongs to an earlier question, or was never offered."""


@dataclass(frozen=True)
class Inbound:
    """One message as a channel received it. `ref` is the channel's own id of it: the same ref is the same message.

    `payload` is that of a pressed button; it is believed only if the button is still offered. `elders`: the resident
    chose the mode for older people: shorter answers, and a person sooner.
    """

    conversation_id: str
    text: str
    ref: str
    payload: str | None = None
    language: str | None = None
    attachments: tuple[str, ...] = ()
    elders: bool = False


@dataclass(frozen=True)
class Taken:
    """A stored message and how its conversation stood then. `new` is False for a repeated ref."""

    inbound: Inbound
    seq: int
    new: bool
    language: str
    holder: str


@dataclass(frozen=True)
class Answer:
    """What was said to one message, and who holds the conversation now (bot, waiting or staff)."""

    replies: list[Message]
    holder: str


class Collected(CollectingOutputChannel):
    """Keeps each response of the bot in one piece, in the order they were said."""

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """See parent class, which would split texts at empty lines and part them from their sources."""
        self.messages.append(message)

    def utterances(self) -> list[Utterance]:
        """The responses as the desk stores them; sources without words of their own belong to the words before."""
        said: list[Utterance] = []
        for message in self.messages:
            custom = message.get("custom") or {}
            sources = tuple(custom.get("sources") or ())
            buttons = tuple(_button(b) for b in message.get("buttons") or ())
            text = (message.get("text") or "").strip()
            if text:
                said.append(Utterance(text, buttons, sources))
            elif said and (buttons or sources):
                last = said[-1]
                said[-1] = Utterance(last.text, (*last.buttons, *buttons), (*last.sources, *sources))
        return said


class Desk(Protocol):
    """The part of cases.desk.Desk that the gate uses."""

    store: Any
    hear: Callable[..., Any]
    answered: Callable[..., list[Message] | None]
    say: Callable[..., Any]
    unanswered: Callable[..., list[Message]]
    transcript: Callable[..., list[Message]]
    conversation: Callable[..., Any]
    ask_for_person: Callable[..., None]


class Gate:
    """Between one channel and the bot. What it took is answered whatever happens afterwards."""

    def __init__(self, desk: Desk, channel: str, on_new_message: OnNewMessage, words: Words | None = None) -> None:
        """`channel` is the prefix of its conversation ids and the name Rasa sees."""
        self._desk, self._channel, self._on_new_message = desk, channel, on_new_message
        self._words = words or Words.load()
        self._commits = Commits(desk.store)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()
        self._offered: OrderedDict[str, Buttons] = OrderedDict()
        self._open = asyncio.Event()

    # --- in ------------------------------------------------------------------------------------------------------

    async def receive(self, inbound: Inbound) -> tuple[Taken, asyncio.Task[Answer]]:
        """Stores the message before anything else is done with it, and starts answering it.

        Raises NotTaken; then nothing has changed. A stored message is answered even if whoever waits goes away.
        """
        check(inbound)
        return await asyncio.shield(self._start(self._receive(inbound)))

    async def take(self, inbound: Inbound) -> Answer:
        """Receives, and waits for the answer. Raises NotTaken if it was not stored."""
        _, turn = await self.receive(inbound)
        return await asyncio.shield(turn)

    async def write(self, work: Callable[[], Made]) -> Made:
        """Changes the store, in line with everything else that is written here."""
        return await self._commits.do(work)

    async def _receive(self, inbound: Inbound) -> tuple[Taken, asyncio.Task[Answer]]:
        try:
            taken = await self._commits.do(lambda: self._hear(inbound))
        except Exception as refused:
            log.exception("could not store ref=%s", inbound.ref)
            raise NotTaken("store_down") from refused
        return taken, self._start(self._in_turn(taken))

    def _hear(self, inbound: Inbound) -> Taken:
        heard = self._desk.hear(
            inbound.conversation_id,
            self._channel,
            inbound.text,
            inbound.ref,
            language=inbound.language,
            attachments=inbound.attachments,
        )
        return Taken(inbound, heard.message.seq, heard.new, heard.language, heard.holder)

    # --- after a kill --------------------------------------------------------------------------------------------

    def recover(self, older_than_seconds: float = 0) -> list[tuple[Taken, asyncio.Task[Answer]]]:
        """Queues what was stored and never answered, ahead of all that comes later; `open` lets it run."""
        unanswered = self._desk.unanswered(older_than_seconds)
        left = [self._heard_before(m) for m in unanswered if m.conversation_id.startswith(f"{self._channel}:")]
        if left:
            log.warning("%d stored messages have no answer yet", len(left))
        return [(taken, self._start(self._in_turn(taken))) for taken in left]

    def open(self) -> None:
        """The bot is ready: turns may run."""
        self._open.set()

    async def finish(self, seconds: float = 5.0) -> None:
        """Lets turns that are under way end before the process does."""
        until = time.monotonic() + seconds
        while self._open.is_set() and self._running and time.monotonic() < until:
            await asyncio.wait(self._running, timeout=until - time.monotonic())
        self._commits.close()

    # --- one turn ------------------------------------------------------------------------------------------------

    async def _in_turn(self, taken: Taken) -> Answer:
        conversation, ref = taken.inbound.conversation_id, taken.inbound.ref
        lock = self._lock(conversation)
        alone = taken.new and not lock.locked()  # an earlier turn may end with a person
        async with lock:
            await self._open.wait()
            if not taken.new:
                before = self._desk.answered(conversation, ref)
                if before is not None:
                    return Answer(before, self._desk.conversation(conversation).holder)
            holder = taken.holder if alone else self._desk.conversation(conversation).holder
            said = await self._said(taken, holder)
            stored = await self._commits.do(lambda: self._desk.say(conversation, ref, said))
            self._remember(conversation, stored.replies)
            return Answer(stored.replies, stored.holder)

    async def _said(self, taken: Taken, holder: str) -> list[Utterance]:
        inbound, language = taken.inbound, known_language(taken.language)
        own = self._own_words(taken, language)
        if own:
            return own if holder == "bot" else []
        try:
            payload = self._pressed(taken)
            said = await asyncio.wait_for(self._ask_bot(taken, payload, holder), TURN_SECONDS)
            if not said and self._desk.conversation(inbound.conversation_id).holder == "bot":
                raise RuntimeError("the bot said nothing")
        except OldButton:
            return [Utterance(self._words.reply("old_button", language), self._live(taken))]
        except Exception:
            log.exception("no answer to ref=%s of %s", inbound.ref, inbound.conversation_id)
            return await self._refusal(inbound, language)
        if inbound.attachments and holder == "bot":
            said = [*said, Utterance(self._words.reply("photo_kept", language))]
        return self._with_person(said, language) if inbound.elders and holder == "bot" else said

    def _with_person(self, said: list[Utterance], language: str) -> list[Utterance]:
        """The last words get the button to a person, unless it is there already."""
        offer = next((o for o in self._words.offers if o.payload == PERSON), None)
        if not said or offer is None or any(b["payload"] == PERSON for one in said for b in one.buttons):
            return said
        button = {"title": offer.title[language], "payload": PERSON}
        return [*said[:-1], Utterance(said[-1].text, (*said[-1].buttons, button), said[-1].sources)]

    async def _ask_bot(self, taken: Taken, payload: str | None, holder: str) -> list[Utterance]:
        inbound, collected = taken.inbound, Collected()
        metadata = {
            "ref": inbound.ref,
            "holder": holder,
            "language": taken.language,
            "attachments": list(inbound.attachments),
            "pressed": payload is not None,
            "elders": inbound.elders,
        }
        if payload is None and not inbound.text.lstrip().startswith("/"):
            metadata["words"] = inbound.text
        message = UserMessage(
            payload or plain(inbound.text),
            output_channel=collected,
            sender_id=inbound.conversation_id,
            input_channel=self._channel,
            message_id=inbound.ref,
            metadata=metadata,
        )
        await self._on_new_message(message)
        return collected.utterances()

    def _own_words(self, taken: Taken, language: str) -> list[Utterance]:
        """What the channel says without the bot: to a photo without words, a voice message and the like."""
        inbound = taken.inbound
        bare = "photo" if inbound.attachments and not inbound.text.strip() else None
        code = bare or self._words.stands_for(inbound.text)
        if code == "photo":
            code = "photo_kept" if inbound.attachments else "photo_failed"
        return [Utterance(self._words.reply(code, language), self._live(taken))] if code else []

    async def _refusal(self, inbound: Inbound, language: str) -> list[Utterance]:
        try:
            await self._commits.do(lambda: self._desk.ask_for_person(inbound.conversation_id, "failure", inbound.ref))
        except Exception:
            log.exception("could not flag %s to staff", inbound.conversation_id)
        return [Utterance(self._words.reply("failed", language))]

    # --- buttons -------------------------------------------------------------------------------------------------

    def _pressed(self, taken: Taken) -> str | None:
        """Payload of the offered button that this message presses, or None for plain words. Raises OldButton.

        Only what the bot itself offered, or what words.yml always offers, ever reaches Rasa as a command. The words
        on a button mean the button, so that a message found after a kill is read as it was meant.
        """
        inbound = taken.inbound
        text = inbound.text.strip()
        if inbound.payload in {offer.payload for offer in (*self._words.offers, *self._words.commands)}:
            return inbound.payload
        if inbound.payload is None:
            for offer in self._words.offers:
                if text in offer.title.values():
                    return offer.payload
        for button in self._offers_before(taken):
            if inbound.payload == button["payload"] or (inbound.payload is None and text == button["title"]):
                return button["payload"]
        if inbound.payload is not None:
            raise OldButton(inbound.payload)
        return None

    def _offers_before(self, taken: Taken) -> Buttons:
        """The buttons that this message may press; typed words are held against what this process remembers."""
        if taken.inbound.payload is None:
            if len(taken.inbound.text) > LONGEST_TITLE:
                return ()
            if taken.new and taken.inbound.conversation_id in self._offered:
                return self._offered[taken.inbound.conversation_id]
        return self._live(taken)

    def _live(self, taken: Taken) -> Buttons:
        """Buttons of all that was said since the resident's last words before this message; notices' stay live."""
        conversation, seq = taken.inbound.conversation_id, taken.seq
        latest = self._desk.transcript(conversation, after_seq=max(0, seq - 1 - LIVE_WITHIN), limit=LIVE_WITHIN)
        before = [m for m in latest if m.seq < seq]
        last_words = max((m.seq for m in before if m.author == "resident"), default=0)
        live = [b for m in before if m.seq > last_words or m.author == "notice" for b in m.buttons]
        return tuple({b["payload"]: _button(b) for b in live}.values())

    def _remember(self, conversation: str, replies: list[Message]) -> None:
        self._offered[conversation] = tuple(_button(b) for m in replies for b in m.buttons)
        self._offered.move_to_end(conversation)
        while len(self._offered) > REMEMBERED:
            self._offered.popitem(last=False)

    # --- plumbing ------------------------------------------------------------------------------------------------

    def _heard_before(self, message: Message) -> Taken:
        inbound = Inbound(message.conversation_id, message.text, message.ref, attachments=tuple(message.attachments))
        state = self._desk.conversation(message.conversation_id)
        return Taken(inbound, message.seq, False, state.language, state.holder)

    def _lock(self, conversation_id: str) -> asyncio.Lock:
        lock = self._locks.get(conversation_id)
        if lock is None:
            lock = self._locks[conversation_id] = asyncio.Lock()
        return lock

    def _start(self, work: Coroutine[Any, Any, Made]) -> asyncio.Task[Made]:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        failed = None if task.cancelled() else task.exception()
        if failed is not None and not isinstance(failed, NotTaken):
            log.error("a stored message could not be answered; it is tried again at the next start", exc_info=failed)


def check(inbound: Inbound) -> None:
    """Raises NotTaken for what can't be a message."""
    if not isinstance(inbound.text, str) or "\x00" in inbound.text:
        raise NotTaken("not_text")
    try:
        inbound.text.encode("utf-8")
    except UnicodeEncodeError as broken:
        raise NotTaken("not_text") from broken
    if not isinstance(inbound.ref, str) or not REF.fullmatch(inbound.ref):
        raise NotTaken("bad_ref")
    if not inbound.text.strip() and not inbound.attachments:
        raise NotTaken("empty")
    if len(inbound.text) > HARD_LIMIT:
        raise NotTaken("too_long", most=HARD_LIMIT)


def plain(text: str) -> str:
    """What the bot is given to understand: cut to a length it can take, and never a command."""
    text = text.strip()[:UNDERSTOOD]
    return PLAIN_SLASH + text[1:] if text.startswith("/") else text


def _button(button: dict[str, Any]) -> dict[str, str]:
    return {"title": str(button.get("title", "")), "payload": str(button.get("payload", ""))}


__all__: Sequence[str] = ("Collected", "Gate", "Inbound", "NotTaken", "Taken", "check", "plain")
