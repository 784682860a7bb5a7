"""What a resident may ask of us: everything we keep about them in one file, and to be forgotten."""

from __future__ import annotations

import json
import os
import re
import secrets
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import audit, disputes, erasing, handovers, records, unregistering
from cases.attachments import Attachments
from cases.conversations import now_utc
from cases.erasing import OF_RESIDENTS, Counts, erasures
from cases.errors import NotFound, Refused, need_reason
from cases.handovers import Handover, went_out
from cases.lifecycle import OPEN
from cases.persons import GONE
from cases.registry import PERSON, RESIDENT, case_links, registry_entries
from cases.rows import contact_of
from cases.searching import CaseIndex
from cases.shield import Shield
from cases.store import Store, cases, conversations, events, followers, messages, outbox
from cases.store import audit as audit_rows

#: cases whose resident was erased
ERASED = cases.c.filing_key.startswith(GONE)
OTHER = "another resident"
#: the channel of what other systems file; who filed stands second in the id of its conversations
FILED_BY_SYSTEM = "open311"
#: an id of a conversation, and what else looks like one in the audit log
_ID = re.compile(r"(?!terminal:)[a-z0-9]+:\S+")


class Memory(Protocol):
    """What the bot itself remembers of a resident."""

    def read(self, conversation_id: str) -> dict[str, Any] | None:
        """Its working memory, or None."""

    def holds(self, conversation_id: str) -> bool:
        """Whether there is any, readable or not."""

    def erase(self, conversation_id: str) -> int:
        """How much went; repeating it is harmless."""


@dataclass(frozen=True)
class Erased:
    """What went, or would go, table by table; `audit` are entries that lost the person and stay.

    `open_cases`: numbers that stand in the way without force; `held`: so does a person who speaks with the resident.
    `handed_over`: the ways of cases that another system has, too, or may have, and that have to be erased there;
    `filed_by`: the system that filed for the resident and has what it filed.
    """

    counts: Counts
    open_cases: tuple[str, ...]
    held: bool
    handed_over: tuple[Handover, ...] = ()
    filed_by: str | None = None


class Rehearsed(Exception):
    """Rolls a dry run back."""


class Residents:
    """The residents of one installation, each known by one conversation. Raises NotFound, Refused."""

    def __init__(
        self,
        store: Store,
        attachments: Attachments,
        memory: Memory,
        shield: Shield,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        """`clock` gives aware datetimes."""
        self.store, self.attachments, self.memory, self.shield, self.clock = store, attachments, memory, shield, clock
        self._index = CaseIndex(store)

    def conversation_of(self, key: str) -> str:
        """The conversation of a case's number, or `key` itself where it is one. Raises NotFound."""
        with self.store.read() as read:
            filed = sa.select(cases.c.conversation_id).where(cases.c.number == key)
            found = read.execute(filed).scalar_one_or_none()
            known = sa.select(conversations.c.id).where(conversations.c.id == key)
            pending = sa.select(erasures.c.conversation_id).where(erasures.c.conversation_id == key)
            here = found or next((read.execute(query.limit(1)).scalar() for query in (known, pending)), None)
        here = here or (key if any(self.outside(key).values()) else None)
        if here is None or here.startswith(f"{GONE}:"):
            raise NotFound(key)
        return here

    # --- everything about a resident -----------------------------------------------------------------------------

    def export(self, conversation_id: str, folder: Path, *, actor: str, reason: str) -> Path:
        """Writes a zip (resident.json, page.html, attachments/) that only its owner may read; returns its path.

        Contact and words are in it in full, so who asked for it and why is in the audit log. What others wrote is not;
        in what staff wrote about a case numbers stay hidden, as they may be another's.
        Raises NotFound, Refused without a reason, PermissionError where something was sealed with another key.
        """
        need_reason(reason)
        memory = self.memory.read(conversation_id)
        with self.store.write() as write:
            audit.note(write, self.clock(), actor, "export", conversation_id, reason)
            told = self._everything(write, conversation_id)
        told["memory"] = memory
        files = self.attachments.of(conversation_id)
        told["attachments"] = [{"key": file.key, "kind": file.kind, "size": file.path.stat().st_size} for file in files]
        told["made_at"] = self.clock()
        from cases.export import page

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"resident-{self.clock():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}.zip"
        unfinished = path.with_suffix(".unfinished")
        with (
            open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed,
        ):
            packed.writestr("resident.json", json.dumps(told, ensure_ascii=False, indent=1, default=_as_text))
            packed.writestr("page.html", page(told))
            for file in files:
                packed.write(file.path, f"attachments/{file.key}")
        unfinished.rename(path)
        return path

    def _everything(self, read: Connection, conversation_id: str) -> dict[str, Any]:
        conversation = _rows(read, sa.select(conversations).where(conversations.c.id == conversation_id))
        if not conversation:
            raise NotFound(conversation_id)
        own = _rows(read, sa.select(cases).where(cases.c.conversation_id == conversation_id).order_by(cases.c.id))
        ids, numbers = [row["id"] for row in own], [row["number"] for row in own]
        said = sa.select(messages).where(messages.c.conversation_id == conversation_id).order_by(messages.c.seq)
        sent = sa.or_(outbox.c.order_key == conversation_id, sa.and_(outbox.c.case_id.in_(ids), outbox.c.kind != "say"))
        persons = [self._registered(row) for row in unregistering.persons_of(read, ids)]
        known = [f"{PERSON}/{person['code']}" for person in persons]
        about = sa.select(audit_rows).where(_about(conversation_id, numbers, known)).order_by(audit_rows.c.id)
        return {
            "conversation": conversation[0],
            "messages": [self._opened(row, "text") for row in _rows(read, said)],
            "cases": [self._own_case(read, row, conversation_id) for row in own],
            "followed": self._followed(read, conversation_id, ids),
            "registered": persons,
            "records": _rows(read, _records(conversation_id, ids)),
            "outbox": _rows(read, sa.select(outbox).where(sent).order_by(outbox.c.id)),
            "questions": [dict(row) for row in erasing.asked_in_vain(read, conversation_id, self.shield)],
            "audit": [
                {name: _veiled(name, row[name], conversation_id) for name in audit.TOLD} for row in _rows(read, about)
            ],
        }

    def _own_case(self, read: Connection, row: dict[str, Any], conversation_id: str) -> dict[str, Any]:
        """Everything of a case, what is sealed opened; of other residents in it only that there were some."""
        opened = contact_of(row, self.shield)
        told = {**self._opened(row, "rating_words"), "words": opened.words, "place_said": opened.place}
        told = {name: value for name, value in told.items() if not name.endswith("_sealed")}
        told["contact"] = opened.contact
        timeline = _rows(read, sa.select(events).where(events.c.case_id == row["id"]).order_by(events.c.seq))
        joined = sa.select(sa.func.count()).select_from(followers).where(followers.c.case_id == row["id"])
        told["events"] = [self._event(event, conversation_id) for event in timeline]
        told["dispute"] = disputes.facts_of(read, row["id"], self.shield)
        told["linked"] = _rows(read, _links(row["id"]))
        told["outside"] = _rows(read, sa.select(handovers.handovers).where(handovers.handovers.c.case_id == row["id"]))
        told["followers"] = read.execute(joined).scalar_one()
        return told

    def _followed(self, read: Connection, conversation_id: str, own: Sequence[int]) -> list[dict[str, Any]]:
        """Cases of others: only what this resident did there, and what was said to everybody."""
        mine = sa.select(events).where(OF_RESIDENTS, events.c.actor == conversation_id, events.c.case_id.not_in(own))
        by_case: dict[int, list[dict[str, Any]]] = {}
        for event in _rows(read, mine.order_by(events.c.id)):
            by_case.setdefault(event["case_id"], []).append(self._opened(event, "note"))
        joined = sa.select(followers).where(followers.c.conversation_id == conversation_id)
        joins = {row["case_id"]: row for row in _rows(read, joined)}
        shown = (cases.c.id, cases.c.number, cases.c.category, cases.c.town, cases.c.status)
        rows = _rows(read, sa.select(*shown).where(cases.c.id.in_({*by_case, *joins})).order_by(cases.c.id))
        return [
            {
                **row,
                "joined_at": joins.get(row["id"], {}).get("joined_at"),
                "rating": joins.get(row["id"], {}).get("rating"),
                "events": by_case.get(row["id"], []),
            }
            for row in rows
        ]

    def _opened(self, row: dict[str, Any], name: str) -> dict[str, Any]:
        """A row with the original of one of its texts."""
        told = {column: value for column, value in row.items() if column != f"{name}_sealed"}
        return {**told, name: self.shield.open(row[f"{name}_sealed"]) or row[name]}

    def _event(self, event: dict[str, Any], conversation_id: str) -> dict[str, Any]:
        """Of other residents nothing; of the resident the original; of staff what all of them see."""
        if event["role"] == "resident" and event["actor"] == conversation_id:
            return self._opened(event, "note")
        told = {name: value for name, value in event.items() if name != "note_sealed"}
        if event["role"] == "resident":
            return {**told, "actor": OTHER, "note": None, "ref": None, "detail": {}}
        return {**told, "note": None} if event["move"] == erasing.TAKE_IN else told

    def _registered(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The resident as the registry has them, name and contact opened."""
        told = {name: value for name, value in row.items() if name not in ("sealed", "words")}
        return {**told, **json.loads(self.shield.open(row["sealed"]) or "{}")}

    # --- to be forgotten -----------------------------------------------------------------------------------------

    def erase(
        self, conversation_id: str, *, actor: str, reason: str, dry_run: bool = True, force: bool = False
    ) -> Erased:
        """Forgets a resident; with `dry_run` nothing changes, and what is told is what would go.

        First the case system in one transaction, then the bot's memory and the files; a repetition completes what
        was broken off in between. Raises Refused (reason_missing; open_cases unless withdrawn or forced: then the
        cases go on, without words and contact), NotFound, audit.Tampered.
        """
        need_reason(reason)
        try:
            with self.store.write() as write:
                erasing.overwrite_what_goes(write)
                erased = self._in_store(write, conversation_id, actor, reason, force=force or dry_run)
                if dry_run:
                    raise Rehearsed
        except Rehearsed:
            outside = self.outside(conversation_id)
        else:
            outside = self._outside_store(conversation_id)
            self._index.forget(ERASED)
            erasing.empty_log(self.store)
        counts = erasing.added((erased.counts, outside))
        if not counts:
            raise NotFound(conversation_id)
        return replace(erased, counts=counts)

    def finish(self) -> Counts:
        """Completes erasures that were broken off before files, memory and the search index knew, too."""
        self._index.forget(ERASED)
        known = erasures.c.conversation_id
        with self.store.read() as read:
            unfinished = set(read.execute(sa.select(known).where(known.is_not(None))).scalars())
        return erasing.added(self._outside_store(conversation_id) for conversation_id in unfinished)

    def outside(self, conversation_id: str) -> Counts:
        """What lies outside the case system: files and the bot's memory."""
        return {
            "attachments": len(self.attachments.of(conversation_id)),
            "dialogues": int(self.memory.holds(conversation_id)),
        }

    def _in_store(self, write: Connection, conversation_id: str, actor: str, reason: str, *, force: bool) -> Erased:
        held = sa.select(conversations.c.holder, conversations.c.channel).where(conversations.c.id == conversation_id)
        found = write.execute(self.store.lock_row(held)).first()
        if found is None:  # gone already, or never there: only traces outside may be left
            return Erased({}, (), False)
        holder, filed_by = found.holder, _filed_by(found.channel, conversation_id)
        own = sa.select(cases).where(cases.c.conversation_id == conversation_id)
        rows = write.execute(self.store.lock_row(own.order_by(cases.c.id))).mappings().all()
        is_open = tuple(row["number"] for row in rows if row["status"] in OPEN)
        if is_open and not force:
            raise Refused("open_cases")
        if holder != "bot" and not force:
            raise Refused("held_by_person")
        handed = tuple(went_out(write, [row["id"] for row in rows]))
        name, numbers, now = erasing.pseudonym(), [row["number"] for row in rows], self.clock()
        if rows:
            erasing.keep_name(write, conversation_id, name)
        counts = [erasing.person_out_of_case(write, row, name, self.shield, now) for row in rows]
        known = unregistering.out_of_registry(write, [row["id"] for row in rows], now, actor)
        counts.append(erasing.person_out_of_conversation(write, conversation_id, name, self.shield))
        withheld = audit.withhold(
            write, now, actor, "erase", name, reason,
            entries=_about(conversation_id, numbers, list(known)), names={conversation_id: name, **known},
        )  # fmt: skip
        begun = {"pseudonym": name, "conversation_id": conversation_id, "begun_at": now}
        write.execute(erasures.insert().values(**begun))
        left = {"audit": withheld, "registry_entries": len(known)}
        return Erased(erasing.added((*counts, left)), is_open, holder != "bot", handed, filed_by)

    def _outside_store(self, conversation_id: str) -> Counts:
        """Files and the bot's memory; photos that a resident who came back has sent since stay."""
        with self.store.read() as read:
            said = sa.select(messages.c.attachments).where(messages.c.conversation_id == conversation_id)
            sent = {key for keys in read.execute(said).scalars() for key in keys or ()}
        gone = {
            "dialogues": self.memory.erase(conversation_id),
            "attachments": self.attachments.erase(conversation_id, but=sent),
        }
        with self.store.write() as write:
            erasing.overwrite_what_goes(write)
            here = erasures.c.conversation_id == conversation_id
            write.execute(erasures.update().where(here).values(conversation_id=None, done_at=self.clock()))
        return gone


def _about(conversation_id: str, numbers: Sequence[str], known: Sequence[str] = ()) -> Any:
    """Audit entries of the resident, about them, their cases or what the registry has of them (`known`)."""
    return sa.or_(audit_rows.c.actor == conversation_id, erasing.about([conversation_id, *numbers, *known], numbers))


def _filed_by(channel: str, conversation_id: str) -> str | None:
    return conversation_id.split(":")[1] if channel == FILED_BY_SYSTEM else None


def _records(conversation_id: str, case_ids: Sequence[int]) -> Any:
    c = records.group_records.c
    mine = sa.or_(c.conversation_id == conversation_id, c.case_id.in_(case_ids))
    return sa.select(records.group_records).where(mine).order_by(c.id)


def _links(case_id: int) -> Any:
    """What a case points to beside its resident."""
    c, link = registry_entries.c, case_links.c
    query = sa.select(c.kind, c.code, c.name, link.role, link.at).join(case_links, link.entry_id == c.id)
    return query.where(link.case_id == case_id, link.role != RESIDENT).order_by(link.id)


def _veiled(name: str, value: Any, conversation_id: str) -> Any:
    """No other resident shows, not even by an id."""
    told = name in ("actor", "object") and value != conversation_id and _ID.fullmatch(value)
    return OTHER if told else value


def _rows(read: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in read.execute(query).mappings()]


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return audit.utc(value).astimezone(timezone.utc).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in an export")
