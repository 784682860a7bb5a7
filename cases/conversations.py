"""Conversations: what residents, bot and staff said, in order and verbatim, and who holds each of them now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import audit
from cases.case import Conversation, Heard, Message, Said, Utterance
from cases.errors import NotFound, Refused
from cases.rows import conversation_of, message_of
from cases.shield import Shield
from cases.store import Store, conversations, messages, outbox

#: the statements of every turn: to build one takes five times as long as to run it
_HERE = conversations.c.id == sa.bindparam("conversation")
_OF_REF = (messages.c.conversation_id == sa.bindparam("conversation"), messages.c.ref == sa.bindparam("ref"))
CONVERSATION = sa.select(conversations).where(_HERE)
TAKEN = conversations.update().where(_HERE).values(last_seq=sa.bindparam("last"))
MESSAGE = messages.insert()
BY_REF = sa.select(messages).where(*_OF_REF)
ASKED = (
    sa.select(messages.c.id, messages.c.answered_at, conversations.c.holder, conversations.c.last_seq)
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .where(*_OF_REF)
)
OUTBOX = outbox.insert()
ANSWERED = messages.update().where(messages.c.id == sa.bindparam("message")).values(answered_at=sa.bindparam("at"))


def now_utc() -> datetime:
    """The present."""
    return datetime.now(timezone.utc)


class Conversations:
    """The conversations of one county. Raises Refused, NotFound; then nothing has changed."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now_utc, shield: Shield | None = None) -> None:
        """`clock` gives aware datetimes; `shield` seals who said it (this installation's own by default)."""
        self.store, self.clock, self._shield = store, clock, shield
        self._conversation, self._asked = store.lock_row(CONVERSATION), store.lock_row(ASKED)

    @property
    def shield(self) -> Shield:
        """Opened at first need."""
        if self._shield is None:
            self._shield = Shield.of_this_installation()
        return self._shield

    def hear(
        self,
        conversation_id: str,
        channel: str,
        text: str,
        ref: str,
        *,
        language: str | None = None,
        attachments: Sequence[str] = (),
    ) -> Heard:
        """Stores what a resident wrote, before anything else is done with it. The same ref is the same message."""
        with self.store.write() as write:
            known = self._conversation_row(write, conversation_id)
            if known is None:
                self._open(write, conversation_id, channel, language or "zh")
                known = self._conversation_row(write, conversation_id)
            before = self._message_by_ref(write, conversation_id, ref)
            if before is not None:
                return Heard(before, False, known["holder"], known["language"])
            seq = self._take_seqs(write, conversation_id, known["last_seq"])
            message = self._append(write, conversation_id, ref, "resident", text, attachments=attachments, seq=seq)
            return Heard(message, True, known["holder"], known["language"])

    def answered(self, conversation_id: str, ref: str) -> list[Message] | None:
        """The replies stored for an inbound ref; None while it has none."""
        with self.store.read() as read:
            inbound = self._message_by_ref(read, conversation_id, ref)
            if inbound is None or not self._is_answered(read, inbound.id):
                return None
            return self._replies(read, conversation_id, ref)

    def say(self, conversation_id: str, ref: str, utterances: Sequence[Utterance]) -> Said:
        """Stores the bot's replies to the inbound `ref` and marks it answered; said once, whatever is repeated."""
        with self.store.write() as write:
            inbound = write.execute(self._asked, {"conversation": conversation_id, "ref": ref}).first()
            if inbound is None:
                raise NotFound(ref)
            if inbound.answered_at is not None:
                return Said(self._replies(write, conversation_id, ref), inbound.holder)
            first = self._take_seqs(write, conversation_id, inbound.last_seq, len(utterances))
            said = [
                self._append(
                    write, conversation_id, f"{ref}>{n}", "bot", u.text, buttons=u.buttons, sources=u.sources,
                    delivery="waiting", seq=first + n,
                )
                for n, u in enumerate(utterances)
            ]  # fmt: skip
            write.execute(ANSWERED, {"message": inbound.id, "at": self.clock()})
            return Said(said, inbound.holder)

    def unanswered(self, older_than_seconds: float) -> list[Message]:
        """Inbound messages that nobody answered, oldest first, as they were written: a process was killed."""
        before = self.clock() - timedelta(seconds=older_than_seconds)
        query = sa.select(messages).where(
            messages.c.author == "resident", messages.c.answered_at.is_(None), messages.c.created_at <= before
        )
        return self._messages(query.order_by(messages.c.id), self.shield)

    def transcript(
        self, conversation_id: str, after_seq: int = 0, limit: int = 200, tail: int | None = None, own: bool = False
    ) -> list[Message]:
        """Messages in order after `after_seq`; with `tail`, the last so many.

        Names, numbers and doors are hidden in them, unless it is for the resident's `own` eyes.
        """
        shield = self.shield if own else None
        query = sa.select(messages).where(messages.c.conversation_id == conversation_id, messages.c.seq > after_seq)
        if tail is None:
            return self._messages(query.order_by(messages.c.seq).limit(limit), shield)
        return self._messages(query.order_by(messages.c.seq.desc()).limit(tail), shield)[::-1]

    def conversation(self, conversation_id: str) -> Conversation:
        """Raises NotFound (a KeyError)."""
        with self.store.read() as read:
            row = self._conversation_row(read, conversation_id)
        if row is None:
            raise NotFound(conversation_id)
        return conversation_of(row)

    def conversations(self, holder: str, limit: int = 200) -> list[Conversation]:
        """Conversations held so, longest wait first."""
        query = sa.select(conversations).where(conversations.c.holder == holder)
        with self.store.read() as read:
            rows = read.execute(query.order_by(conversations.c.waiting_since).limit(limit)).mappings().all()
        return [conversation_of(row) for row in rows]

    def set_language(self, conversation_id: str, language: str) -> None:
        """The language notices are written in."""
        with self.store.write() as write:
            self._update_conversation(write, conversation_id, language=language)

    def ask_for_person(self, conversation_id: str, reason: str, ref: str) -> None:
        """Puts a conversation that the bot holds into the queue for a person; the bot does nothing more with it."""
        with self.store.write() as write:
            row = self._need_conversation(write, conversation_id)
            if row["holder"] == "bot":
                self._update_conversation(
                    write, conversation_id, holder="waiting", reason=reason, waiting_since=self.clock()
                )

    def stop_waiting(self, conversation_id: str) -> bool:
        """The resident goes on with the bot; False, and nothing changes, where a member of staff has taken over."""
        with self.store.write() as write:
            held = self._need_conversation(write, conversation_id)["holder"]
            if held == "waiting":
                self._update_conversation(write, conversation_id, holder="bot", reason=None, waiting_since=None)
            return bool(held != "staff")

    def take_over(self, conversation_id: str, staff_login: str) -> None:
        """A member of staff speaks from now on. Raises Refused when another one does already."""
        with self.store.write() as write:
            row = self._need_conversation(write, conversation_id)
            if row["holder"] == "staff" and row["staff"] != staff_login:
                raise Refused("held_by_another")
            self._update_conversation(
                write, conversation_id, holder="staff", staff=staff_login,
                waiting_since=row["waiting_since"] or self.clock(),
            )  # fmt: skip
            audit.note(write, self.clock(), staff_login, "take_over", conversation_id)

    def release(self, conversation_id: str, staff_login: str) -> None:
        """The bot speaks again. Raises Refused when nobody holds it."""
        with self.store.write() as write:
            if self._need_conversation(write, conversation_id)["holder"] == "bot":
                raise Refused("not_held")
            self._update_conversation(write, conversation_id, holder="bot", staff=None, reason=None, waiting_since=None)
            audit.note(write, self.clock(), staff_login, "release", conversation_id)

    def staff_say(self, conversation_id: str, staff_login: str, text: str) -> Message:
        """A person's words to the resident. Raises Refused when this person doesn't hold the conversation."""
        with self.store.write() as write:
            row = self._need_conversation(write, conversation_id)
            if row["holder"] != "staff" or row["staff"] != staff_login:
                raise Refused("not_held")
            ref = f"staff:{row['last_seq'] + 1}"
            message = self._append(write, conversation_id, ref, "staff", text, delivery="waiting", speaker=staff_login)
            self._enqueue(write, message, None)
            return message

    def sent(self, message_id: int) -> None:
        """A message reached the resident."""
        self._delivery(message_id, "sent", None)

    def failed(self, message_id: int, error: str) -> None:
        """A message could not reach the resident; `error` says why."""
        self._delivery(message_id, "failed", error)

    # --- inside --------------------------------------------------------------------------------------------------

    def _open(self, write: Connection, conversation_id: str, channel: str, language: str) -> None:
        row = {"id": conversation_id, "channel": channel, "language": language, "created_at": self.clock()}
        write.execute(_opened(write.dialect.name), row)

    def _conversation_row(self, connection: Connection, conversation_id: str) -> Any:
        return connection.execute(self._conversation, {"conversation": conversation_id}).mappings().first()

    def _need_conversation(self, connection: Connection, conversation_id: str) -> Any:
        row = self._conversation_row(connection, conversation_id)
        if row is None:
            raise NotFound(conversation_id)
        return row

    def _update_conversation(self, write: Connection, conversation_id: str, **values: Any) -> None:
        done = write.execute(conversations.update().where(conversations.c.id == conversation_id).values(**values))
        if done.rowcount == 0:
            raise NotFound(conversation_id)

    def _append(
        self,
        write: Connection,
        conversation_id: str,
        ref: str,
        author: str,
        text: str,
        *,
        buttons: Sequence[Any] = (),
        sources: Sequence[Any] = (),
        attachments: Sequence[str] = (),
        delivery: str = "none",
        case_id: int | None = None,
        speaker: str | None = None,
        seq: int | None = None,
    ) -> Message:
        shown, sealed = self.shield.keep(text)
        row = {
            "conversation_id": conversation_id, "seq": seq or self._next_seq(write, conversation_id),
            "ref": ref, "author": author, "text": shown, "text_sealed": sealed,
            "buttons": [dict(b) for b in buttons], "sources": [dict(s) for s in sources],
            "attachments": list(attachments), "delivery": delivery, "error": None, "case_id": case_id,
            "created_at": self.clock(), "staff": speaker,
        }  # fmt: skip
        new_id = write.execute(MESSAGE, row).inserted_primary_key[0]
        return message_of({**row, "id": new_id, "text": text})

    def _next_seq(self, write: Connection, conversation_id: str) -> int:
        """A number in the conversation that nobody else will have. Raises NotFound."""
        return self._take_seqs(write, conversation_id, self._need_conversation(write, conversation_id)["last_seq"])

    @staticmethod
    def _take_seqs(write: Connection, conversation_id: str, last: int, count: int = 1) -> int:
        """The first of `count` numbers after `last`, which was read in this transaction with the row locked."""
        if count:
            write.execute(TAKEN, {"conversation": conversation_id, "last": last + count})
        return last + 1

    def _message_by_ref(self, connection: Connection, conversation_id: str, ref: str) -> Message | None:
        row = connection.execute(BY_REF, {"conversation": conversation_id, "ref": ref}).mappings().first()
        return message_of(row, self.shield) if row is not None else None

    def _is_answered(self, connection: Connection, message_id: int) -> bool:
        query = sa.select(messages.c.answered_at).where(messages.c.id == message_id)
        return connection.execute(query).scalar_one() is not None

    def _replies(self, connection: Connection, conversation_id: str, ref: str) -> list[Message]:
        query = sa.select(messages).where(
            messages.c.conversation_id == conversation_id,
            messages.c.author == "bot",
            messages.c.ref.startswith(f"{ref}>", autoescape=True),
        )
        return [message_of(r, self.shield) for r in connection.execute(query.order_by(messages.c.seq)).mappings()]

    def _messages(self, query: Any, shield: Shield | None = None) -> list[Message]:
        with self.store.read() as read:
            return [message_of(row, shield) for row in read.execute(query).mappings()]

    def _delivery(self, message_id: int, state: str, error: str | None) -> None:
        with self.store.write() as write:
            write.execute(messages.update().where(messages.c.id == message_id).values(delivery=state, error=error))

    def _enqueue(self, write: Connection, message: Message, case_id: int | None) -> None:
        self._outbox(write, "say", message.conversation_id, f"message:{message.id}", {}, message.id, case_id)

    def _outbox(
        self, write: Connection, kind: str, order_key: str, key: str, payload: dict[str, Any], message_id: int | None,
        case_id: int | None,
    ) -> None:  # fmt: skip
        now = self.clock()
        row = {
            "kind": kind, "order_key": order_key, "idempotency_key": key, "payload": payload, "message_id": message_id,
            "case_id": case_id, "state": "waiting", "next_at": now, "created_at": now,
        }  # fmt: skip
        write.execute(OUTBOX, row)


def _insert(dialect: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return postgresql.insert if dialect == "postgresql" else sqlite.insert


@lru_cache
def _opened(dialect: str) -> Any:
    """Opens a conversation that isn't there yet, in the words of one dialect."""
    return _insert(dialect)(conversations).on_conflict_do_nothing(index_elements=["id"])


def insert_new(connection: Connection) -> Any:
    """The dialect's own insert, which can pass over what is there already."""
    return _insert(connection.dialect.name)
