"""What the county itself adds: answers written by one of the staff and signed off by another, topics switched off at
once, and the questions that were asked in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

WAITING, LIVE, PAST, REFUSED = "waiting", "live", "past", "refused"
UNANSWERED, BAD = "unanswered", "bad"
LONGEST_QUESTION = 300

metadata = sa.MetaData()
ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

texts = sa.Table(
    "knowledge_texts",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("code", sa.String(80), nullable=False, index=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("settles", sa.JSON, nullable=False),
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("author", sa.String(80), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
acts = sa.Table(
    "knowledge_acts",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("code", sa.String(80), nullable=False, index=True),
    sa.Column("text_id", ID),
    sa.Column("act", sa.String(10), nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
questions = sa.Table(
    "knowledge_questions",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("why", sa.String(12), nullable=False),
    sa.Column("about", sa.String(80)),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("done_by", sa.String(80), index=True),
    sa.Column("done_at", sa.DateTime(timezone=True)),
)


class Database(Protocol):
    """A store with transactions, as the case system has one."""

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent look."""

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction, durable when it ends."""


class ShelfRefused(ValueError):
    """Something staff may not do with a text; `code` names why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Text:
    """One version of an answer: its fields as in a guide's file, the question it must be found by, where it stands;
    `settles`: ids of questions that it answers."""

    id: int
    code: str
    kind: str
    body: Mapping[str, Any]
    question: str
    settles: tuple[int, ...]
    state: str
    author: str
    at: datetime


@dataclass(frozen=True)
class Act:
    """Who did what to an answer: write, sign, refuse, retire, off, on."""

    code: str
    act: str
    by: str
    reason: str | None
    at: datetime


@dataclass(frozen=True)
class Question:
    """A question that was not answered, or whose answer about `about` was of no use."""

    id: int
    text: str
    language: str
    why: str
    about: str | None
    at: datetime


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(timezone.utc)


class Shelf:
    """Safe to use from several processes; what is signed off or switched is seen by all at their next look."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database, self._clock = database, clock

    # --- looking -------------------------------------------------------------------------------------------------

    def version(self) -> int:
        """A number that grows with everything staff do."""
        with self._database.read() as read:
            return int(read.execute(sa.select(sa.func.max(acts.c.id))).scalar() or 0)

    def in_state(self, state: str) -> list[Text]:
        """The texts that stand there, oldest first."""
        with self._database.read() as read:
            return [_text(row) for row in _rows(read, sa.select(texts).where(texts.c.state == state))]

    def text(self, number: int) -> Text:
        """One text. Raises ShelfRefused when there is none."""
        with self._database.read() as read:
            for row in _rows(read, sa.select(texts).where(texts.c.id == number)):
                return _text(row)
        raise ShelfRefused("no_such_text")

    def off(self) -> dict[str, str]:
        """Codes of the topics switched off, each with the reason."""
        with self._database.read() as read:
            rows = _rows(read, sa.select(acts).where(acts.c.act.in_(("off", "on"))))
        last = {row["code"]: row for row in rows}
        return {code: row["reason"] or "" for code, row in last.items() if row["act"] == "off"}

    def history(self, code: str) -> list[Act]:
        """What was done to one answer, oldest first."""
        with self._database.read() as read:
            rows = _rows(read, sa.select(acts).where(acts.c.code == code))
        return [Act(row["code"], row["act"], row["by"], row["reason"], _utc(row["at"])) for row in rows]

    def open_questions(self) -> list[Question]:
        """What nobody has dealt with yet, oldest first."""
        with self._database.read() as read:
            rows = _rows(read, sa.select(questions).where(questions.c.done_by.is_(None)))
        return [
            Question(r["id"], r["text"], r["language"], r["why"], r["about"], _utc(r["at"])) for r in rows
        ]  # fmt: skip

    # --- doing ---------------------------------------------------------------------------------------------------

    def write(
        self, code: str | None, kind: str, body: Mapping[str, Any], question: str, author: str,
        settles: Sequence[int] = (),
    ) -> Text:  # fmt: skip
        """Puts a text up for a second person. Without a code it is a new answer and gets one of its own.

        A text of the same code that still waits gives way to it.
        """
        with self._database.write() as write:
            values = {"kind": kind, "body": dict(body), "question": question, "author": author, "at": self._clock(),
                      "settles": list(settles)}  # fmt: skip
            made = write.execute(texts.insert().values(code=code or "", state=WAITING, **values))
            number = int(made.inserted_primary_key[0])
            code = code or f"own-{number}"
            fresh = {**dict(body), "code": code}
            write.execute(texts.update().where(texts.c.id == number).values(code=code, body=fresh))
            earlier = sa.and_(texts.c.code == code, texts.c.state == WAITING, texts.c.id != number)
            write.execute(texts.update().where(earlier).values(state=PAST))
            self._note(write, code, "write", author, number)
        return self.text(number)

    def sign(self, number: int, by: str) -> None:
        """Makes a text live. Raises ShelfRefused for its author, and when it no longer waits."""
        with self._database.write() as write:
            text = self._waiting(write, number)
            if text.author == by:
                raise ShelfRefused("own_text")
            live = sa.and_(texts.c.code == text.code, texts.c.state == LIVE)
            write.execute(texts.update().where(live).values(state=PAST))
            self._move(write, text, LIVE)
            self._settle(write, text.settles, by)
            self._note(write, text.code, "sign", by, number)

    def refuse(self, number: int, by: str, reason: str) -> None:
        """Sends a text back to its author. Raises ShelfRefused without a reason, and when it no longer waits."""
        with self._database.write() as write:
            text = self._waiting(write, number)
            self._move(write, text, REFUSED)
            self._note(write, text.code, "refuse", by, number, reason)

    def retire(self, code: str, by: str, reason: str) -> None:
        """Takes the county's own answer away; a shipped one of the same code speaks again."""
        with self._database.write() as write:
            live = sa.and_(texts.c.code == code, texts.c.state == LIVE)
            if not write.execute(texts.update().where(live).values(state=PAST)).rowcount:
                raise ShelfRefused("not_live")
            self._note(write, code, "retire", by, None, reason)

    def switch(self, code: str, off: bool, by: str, reason: str) -> None:
        """Switches a topic off or on again. Raises ShelfRefused without a reason."""
        with self._database.write() as write:
            self._note(write, code, "off" if off else "on", by, None, reason)

    def asked(self, text: str, language: str, why: str, about: str | None = None) -> None:
        """Keeps a question that was asked in vain. The caller has taken out what tells who asked."""
        with self._database.write() as write:
            values = {"text": text[:LONGEST_QUESTION], "language": language, "why": why, "about": about}
            write.execute(questions.insert().values(**values, at=self._clock()))

    def settle(self, numbers: Sequence[int], by: str) -> None:
        """Takes questions off the list: they are answered now, or need no answer."""
        with self._database.write() as write:
            self._settle(write, numbers, by)

    # --- parts ---------------------------------------------------------------------------------------------------

    def _waiting(self, write: Connection, number: int) -> Text:
        rows = _rows(write, sa.select(texts).where(texts.c.id == number, texts.c.state == WAITING))
        if not rows:
            raise ShelfRefused("not_waiting")
        return _text(rows[0])

    def _settle(self, write: Connection, numbers: Sequence[int], by: str) -> None:
        open_ones = sa.and_(questions.c.id.in_(numbers), questions.c.done_by.is_(None))
        write.execute(questions.update().where(open_ones).values(done_by=by, done_at=self._clock()))

    def _move(self, write: Connection, text: Text, state: str) -> None:
        """Raises ShelfRefused where somebody else was quicker."""
        here = sa.and_(texts.c.id == text.id, texts.c.state == text.state)
        if not write.execute(texts.update().where(here).values(state=state)).rowcount:
            raise ShelfRefused("not_waiting")

    def _note(
        self, write: Connection, code: str, act: str, by: str, text_id: int | None, reason: str | None = None
    ) -> None:
        if act in ("refuse", "retire", "off", "on") and not reason:
            raise ShelfRefused("reason_missing")
        write.execute(acts.insert().values(code=code, act=act, by=by, text_id=text_id, reason=reason, at=self._clock()))


def _rows(read: Connection, query: Any) -> list[Mapping[str, Any]]:
    return list(read.execute(query.order_by(sa.text("id"))).mappings())


def _text(row: Mapping[str, Any]) -> Text:
    fields = ("id", "code", "kind", "body", "question", "state", "author")
    return Text(**{name: row[name] for name in fields}, settles=tuple(row["settles"] or ()), at=_utc(row["at"]))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def newest(found: Iterable[Text]) -> dict[str, Text]:
    """By code; the last of each."""
    return {text.code: text for text in found}
