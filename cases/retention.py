"""Removes what tells of persons once the county's periods are over; what is open is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Connection

from cases import audit, erasing, unregistering
from cases.county import County, CountyError
from cases.erasing import OF_RESIDENTS, Counts, questions
from cases.lifecycle import OPEN
from cases.persons import GONE
from cases.records import DONE, OPINION, PROBLEM, group_records
from cases.residents import Rehearsed, Residents
from cases.store import audit as audit_rows
from cases.store import cases, conversations, events, followers, messages, outbox

FILE = "retention.yml"
#: rows of one transaction: on SQLite residents wait as long as it takes
AT_A_TIME = 50


@dataclass(frozen=True)
class Periods:
    """Days that things are kept; None is for ever. See city/retention.yml."""

    cases: int | None
    kinds: Mapping[str, int | None]
    categories: Mapping[str, int | None]
    conversations: int | None
    messages: int | None
    replies: int | None
    attachments: int | None
    questions: int | None
    outbox: int | None
    records: int | None

    @classmethod
    def load(cls, folder: Path, county: County) -> Periods:
        """Reads the county's file. Raises CountyError where it is missing or wrong; nothing has a silent default."""
        try:
            read = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CountyError(FILE, None, "is missing: it says how long things are kept") from None
        except yaml.YAMLError as wrong:
            raise CountyError(FILE, None, str(wrong).replace("\n", " ")) from wrong
        plain = {field.name for field in fields(cls)} - {"cases", "kinds", "categories"}
        if not isinstance(read, dict) or set(read) != {*plain, "cases"}:
            raise CountyError(FILE, None, f"needs exactly {', '.join(sorted({*plain, 'cases'}))}")
        of_cases = read["cases"]
        if not isinstance(of_cases, dict) or set(of_cases) != {"days", "kinds", "categories"}:
            raise CountyError(FILE, None, "cases needs exactly categories, days, kinds")
        by = {
            name: {str(k): _days(v, k) for k, v in (of_cases[name] or {}).items()} for name in ("kinds", "categories")
        }
        if unknown := set(by["categories"]) - {category.code for category in county.categories}:
            raise CountyError(FILE, None, f"the county has no category {sorted(unknown)[0]}")
        days = {name: _days(read[name], name) for name in plain}
        return cls(cases=_days(of_cases["days"], "cases"), kinds=by["kinds"], categories=by["categories"], **days)


def _days(value: Any, name: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise CountyError(FILE, None, f"{name}: {value!r} is no number of days")


class Retention:
    """One county's periods on one installation. A repetition completes what was broken off."""

    def __init__(self, residents: Residents, periods: Periods) -> None:
        """`residents` brings store, files, the bot's memory and the clock."""
        self._residents, self._store, self._periods = residents, residents.store, periods
        self._clock: Callable[[], datetime] = residents.clock

    def apply(self, actor: str, dry_run: bool = False) -> Counts:
        """What went, or would go, table by table. A dry run changes nothing."""
        of_cases = (self._cases, self._conversations, self._attachments, self._messages)
        parts = (*of_cases, self._questions, self._outbox, self._records)
        left = {} if dry_run else self._residents.finish()
        done = erasing.added((left, *(part(actor, dry_run) for part in parts)))
        if done and not dry_run:
            erasing.empty_log(self._store)
        return done

    # --- cases ---------------------------------------------------------------------------------------------------

    def _cases(self, actor: str, dry_run: bool) -> Counts:
        """Persons leave cases that ended long enough ago."""
        periods, now = self._periods, self._clock()
        last = sa.select(sa.func.max(events.c.at)).where(events.c.case_id == cases.c.id).scalar_subquery()
        ended = sa.func.coalesce(cases.c.closed_at, last, type_=cases.c.closed_at.type)
        by_kind = sa.case(
            *[(cases.c.kind == kind, _cutoff(now, days)) for kind, days in periods.kinds.items()],
            else_=_cutoff(now, periods.cases),
        ) if periods.kinds else _cutoff(now, periods.cases)  # fmt: skip
        limit = sa.case(
            *[(cases.c.category == code, _cutoff(now, days)) for code, days in periods.categories.items()],
            else_=by_kind,
        ) if periods.categories else by_kind  # fmt: skip
        due = sa.select(cases).where(
            cases.c.status.not_in(OPEN), ended < limit, ~cases.c.filing_key.startswith(f"{GONE}/")
        )
        return self._in_batches(due, cases.c.id, self._persons_out, actor, dry_run)

    def _persons_out(self, write: Connection, rows: Sequence[Mapping[str, Any]], actor: str) -> Counts:
        counts = []
        for row in rows:
            was = row["conversation_id"]
            name = was if was.startswith(f"{GONE}:") else erasing.pseudonym()
            if name != was:
                erasing.keep_name(write, was, name)
            counts.append(erasing.person_out_of_case(write, row, name, self._residents.shield, self._clock()))
            counts.append(erasing.others_out_of_case(write, row["id"]))
        names = unregistering.out_of_registry(write, [row["id"] for row in rows], self._clock(), actor)
        counts.append({"registry_entries": len(names)})
        numbers = [row["number"] for row in rows]
        about = erasing.about([*numbers, *names], numbers)
        return erasing.added((*counts, self._withhold(write, actor, "cases", len(rows), about, names)))

    # --- conversations -------------------------------------------------------------------------------------------

    def _conversations(self, actor: str, dry_run: bool) -> Counts:
        """Conversations that became no case and rest."""
        if self._periods.conversations is None:
            return {}
        before = _cutoff(self._clock(), self._periods.conversations)
        recent = sa.select(messages.c.id).where(
            messages.c.conversation_id == conversations.c.id, messages.c.created_at >= before
        )
        due = sa.select(conversations).where(
            conversations.c.created_at < before,
            conversations.c.holder == "bot",
            ~conversations.c.id.startswith(f"{GONE}:"),
            ~recent.exists(),
            ~sa.select(cases.c.id).where(cases.c.conversation_id == conversations.c.id).exists(),
            ~sa.select(followers.c.id).where(followers.c.conversation_id == conversations.c.id).exists(),
            ~_open_elsewhere(conversations.c.id),
            ~_to_send(outbox.c.order_key == conversations.c.id),
        )
        return self._in_batches(due, conversations.c.id, self._conversations_out, actor, dry_run, whole=True)

    def _conversations_out(self, write: Connection, rows: Sequence[Mapping[str, Any]], actor: str) -> Counts:
        names = {row["id"]: erasing.pseudonym() for row in rows}
        shield = self._residents.shield
        counts = [erasing.person_out_of_conversation(write, was, name, shield) for was, name in names.items()]
        about = sa.or_(audit_rows.c.object.in_(list(names)), audit_rows.c.actor.in_(list(names)))
        counts.append(self._withhold(write, actor, "conversations", len(rows), about, names))
        begun = [{"pseudonym": name, "conversation_id": was, "begun_at": self._clock()} for was, name in names.items()]
        write.execute(erasing.erasures.insert(), begun)
        return erasing.added(counts)

    # --- what rests in conversations with ended cases ------------------------------------------------------------

    def _attachments(self, actor: str, dry_run: bool) -> Counts:
        """Files go before the rows that name them, so that none is left without a name."""
        if self._periods.attachments is None:
            return {}
        due = sa.select(messages).where(
            sa.cast(messages.c.attachments, sa.Text) != "[]",
            messages.c.created_at < _cutoff(self._clock(), self._periods.attachments),
            _at_rest(),
        )

        def remove(write: Connection, rows: Sequence[Mapping[str, Any]], actor: str) -> Counts:
            gone = sum(self._files(row, dry_run) for row in rows)
            mine = messages.c.id.in_([row["id"] for row in rows])
            write.execute(messages.update().where(mine).values(attachments=[]))
            self._note(write, actor, "attachments", len(rows))
            return {"attachments": gone}

        return self._in_batches(due, messages.c.id, remove, actor, dry_run)

    def _messages(self, actor: str, dry_run: bool) -> Counts:
        own, others = self._periods.messages, self._periods.replies
        done = []
        for days, author in ((own, messages.c.author == "resident"), (others, messages.c.author != "resident")):
            if days is None:
                continue
            due = sa.select(messages).where(
                author,
                messages.c.created_at < _cutoff(self._clock(), days),
                ~_to_send(outbox.c.message_id == messages.c.id),
                _at_rest(),
            )

            def remove(write: Connection, rows: Sequence[Mapping[str, Any]], actor: str) -> Counts:
                gone = sum(self._files(row, dry_run) for row in rows)
                mine = [row["id"] for row in rows]
                sent = write.execute(outbox.delete().where(outbox.c.message_id.in_(mine))).rowcount
                write.execute(messages.delete().where(messages.c.id.in_(mine)))
                self._note(write, actor, "messages", len(rows))
                return {"messages": len(rows), "attachments": gone, "outbox": sent}

            done.append(self._in_batches(due, messages.c.id, remove, actor, dry_run))
        return erasing.added(done)

    def _files(self, row: Mapping[str, Any], dry_run: bool) -> int:
        found = [self._residents.attachments.find(key, row["conversation_id"]) for key in row["attachments"] or ()]
        here = [file for file in found if file is not None]
        for file in here if not dry_run else ():
            file.path.unlink(missing_ok=True)
        return len(here)

    # --- the rest ------------------------------------------------------------------------------------------------

    def _questions(self, actor: str, dry_run: bool) -> Counts:
        """Questions that nobody has dealt with are work that is open."""
        if self._periods.questions is None:
            return {}
        before = _cutoff(self._clock(), self._periods.questions)
        due = sa.select(questions).where(questions.c.at < before, questions.c.done_by.is_not(None))
        return self._in_batches(due, questions.c.id, self._deleting(questions), actor, dry_run)

    def _outbox(self, actor: str, dry_run: bool) -> Counts:
        """What waits or was given up is listed for staff and stays."""
        if self._periods.outbox is None:
            return {}
        before = _cutoff(self._clock(), self._periods.outbox)
        due = sa.select(outbox).where(
            outbox.c.created_at < before,
            outbox.c.state == "sent",
            ~sa.select(cases.c.id).where(cases.c.id == outbox.c.case_id, cases.c.status.in_(OPEN)).exists(),
        )
        return self._in_batches(due, outbox.c.id, self._deleting(outbox), actor, dry_run)

    def _records(self, actor: str, dry_run: bool) -> Counts:
        """Words of groups; what is no case yet, and opinions that nobody has dealt with, are work that is open."""
        if self._periods.records is None:
            return {}
        c = group_records.c
        due = sa.select(group_records).where(
            c.at < _cutoff(self._clock(), self._periods.records),
            c.words != audit.MARK,
            sa.or_(c.kind != PROBLEM, c.case_id.is_not(None)),
            sa.or_(c.kind != OPINION, c.state == DONE),
            ~sa.select(cases.c.id).where(cases.c.id == c.case_id, cases.c.status.in_(OPEN)).exists(),
        )
        return self._in_batches(due, c.id, self._records_out, actor, dry_run)

    def _records_out(self, write: Connection, rows: Sequence[Mapping[str, Any]], actor: str) -> Counts:
        mine = group_records.c.id.in_([row["id"] for row in rows])
        write.execute(group_records.update().where(mine).values(words=audit.MARK))
        told = sa.and_(mine, group_records.c.done.is_not(None))
        write.execute(group_records.update().where(told).values(done=audit.MARK))
        self._note(write, actor, "group_records", len(rows))
        return {"group_records": len(rows)}

    def _deleting(self, table: Any) -> Callable[[Connection, Sequence[Mapping[str, Any]], str], Counts]:
        def remove(write: Connection, rows: Sequence[Mapping[str, Any]], actor: str) -> Counts:
            write.execute(sa.delete(table).where(table.c.id.in_([row["id"] for row in rows])))
            self._note(write, actor, table.name, len(rows))
            return {table.name: len(rows)}

        return remove

    # --- inside --------------------------------------------------------------------------------------------------

    def _in_batches(
        self,
        due: Any,
        key: Any,
        work: Callable[[Connection, Sequence[Mapping[str, Any]], str], Counts],
        actor: str,
        dry_run: bool,
        whole: bool = False,
    ) -> Counts:
        """One transaction each, so that residents never wait long.

        Files and memory follow each; `whole` has a dry run count those of the conversations in `due`.
        """
        return erasing.added(self._batches(due.order_by(key), key, work, actor, dry_run, whole))

    def _batches(self, due: Any, key: Any, work: Any, actor: str, dry_run: bool, whole: bool) -> Iterator[Counts]:
        last: Any = None
        while True:
            part = due if last is None else due.where(key > last)
            counts: Counts = {}
            rows: Sequence[Mapping[str, Any]] = []
            try:
                with self._store.write() as write:
                    erasing.overwrite_what_goes(write)
                    rows = write.execute(self._store.lock_row(part.limit(AT_A_TIME))).mappings().all()
                    if not rows:
                        return
                    counts = work(write, rows, actor)
                    if dry_run:
                        raise Rehearsed
            except Rehearsed:
                left = erasing.added(self._residents.outside(row["id"]) for row in rows) if whole else {}
            else:
                left = self._residents.finish()
            last = rows[-1]["id"]
            yield erasing.added((counts, left))

    def _withhold(
        self, write: Connection, actor: str, what: str, number: int, entries: Any, names: Mapping[str, str]
    ) -> Counts:
        told = f"{number} {what}"
        done = audit.withhold(write, self._clock(), actor, "retain", what, told, entries=entries, names=names)
        return {"audit": done}

    def _note(self, write: Connection, actor: str, what: str, number: int) -> None:
        audit.note(write, self._clock(), actor, "retain", what, str(number))


def _cutoff(now: datetime, days: int | None) -> Any:
    """Before when things are too old; kept for ever: before all time."""
    moment = now - timedelta(days=days) if days is not None else datetime(1970, 1, 1, tzinfo=now.tzinfo)
    return sa.literal(moment, cases.c.created_at.type)


def _to_send(found: Any) -> Any:
    """Something still has to reach the resident. (What a page never came back to fetch is not waited for.)"""
    return sa.select(outbox.c.id).where(found, outbox.c.state.in_(("waiting", "sending"))).exists()


def _open_elsewhere(conversation_id: Any) -> Any:
    """The resident once joined or wrote to a case that is still open."""
    wrote = sa.select(events.c.id).join(cases, cases.c.id == events.c.case_id)
    return wrote.where(OF_RESIDENTS, events.c.actor == conversation_id, cases.c.status.in_(OPEN)).exists()


def _at_rest() -> Any:
    """A message's conversation is held by nobody, and none of its cases, filed or followed, is open."""
    here = messages.c.conversation_id
    filed = sa.select(cases.c.id).where(cases.c.conversation_id == here)
    followed = (
        sa.select(cases.c.id)
        .join(followers, followers.c.case_id == cases.c.id)
        .where(followers.c.conversation_id == here)
    )
    is_open = cases.c.status.in_(OPEN)
    held = sa.select(conversations.c.id).where(conversations.c.id == here, conversations.c.holder != "bot")
    return sa.and_(~filed.where(is_open).exists(), ~followed.where(is_open).exists(), ~held.exists())
