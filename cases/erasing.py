"""Takes persons out of rows and leaves what the law keeps: number, category, dates, unit, outcome of each case."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import disputes, handovers, records
from cases.audit import MARK, utc
from cases.lifecycle import OPEN
from cases.persons import GONE, NOBODY, PERSONS, PLACE
from cases.redact import PUBLIC, redact
from cases.shield import Shield
from cases.store import (
    Moment,
    Store,
    attachments,
    audit,
    cases,
    conversations,
    events,
    followers,
    messages,
    metadata,
    outbox,
)
from cases.traces import Traces
from cases.unregistering import out_of_places

#: columns of a case that tell of the matter and not of the person
KEPT, PERSONAL = NOBODY["cases"], PERSONS["cases"]
#: in the detail of an event: a resident's own words, and what was before a change
PART, WAS = "part", "was"
#: the move whose note holds the words of another resident's case
TAKE_IN = "take_in"
#: a message may have been asked together with so many before it
ASKED_TOGETHER = 3
#: a question in vain is kept without an id; it is the resident's when the same words were said about then
SAME_QUESTION = timedelta(minutes=10)

#: of the knowledge: the questions that were asked in vain
questions = sa.table(
    "knowledge_questions",
    sa.column("id", sa.BigInteger), sa.column("text", sa.Text), sa.column("language", sa.String),
    sa.column("why", sa.String), sa.column("about", sa.String), sa.column("at", sa.DateTime(timezone=True)),
    sa.column("done_by", sa.String),
)  # fmt: skip
#: erasures that are under way know whose they are until files and memory are gone, too
erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("pseudonym", sa.String(40), primary_key=True),
    sa.Column("conversation_id", sa.String(200), index=True),
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("done_at", Moment),
)
#: spelt out, not bound: SQLite uses an index of a part only where it can see that the part is meant
OF_RESIDENTS = events.c.role == sa.literal_column("'resident'")
sa.Index("ix_events_residents", events.c.actor, sqlite_where=OF_RESIDENTS, postgresql_where=OF_RESIDENTS)
sa.Index("ix_outbox_message", outbox.c.message_id)
sa.Index("ix_outbox_case", outbox.c.case_id)

Counts = dict[str, int]


def pseudonym() -> str:
    """A new name that leads back to nobody: it is drawn, not derived."""
    return f"{GONE}:{secrets.token_hex(12)}"


def person_out_of_case(
    write: Connection, row: Mapping[str, Any], name: str, shield: Shield, now: datetime
) -> Counts:  # fmt: skip
    """Leaves a case, and all that hangs on it, without the resident who filed it, who is `name` from now on.

    What they were called and reached by is taken out of what staff wrote, too, as far as the keys are here to know it.
    The conversation `name` has to exist. Of the registry only what tells where it was goes (see unregistering).
    """
    traces = Traces.of_case(write, row, shield)
    is_open = row["status"] in OPEN
    change: dict[str, Any] = {"conversation_id": name, "filing_key": f"{GONE}{'-open' if is_open else ''}/{row['id']}"}
    for column in cases.c:
        if column.name in KEPT or column.name in change or (is_open and column.name in PLACE):
            continue
        if row[column.name] is not None and (column.nullable or column.name == "words"):
            change[column.name] = _emptied(column)
    write.execute(cases.update().where(cases.c.id == row["id"]).values(version=cases.c.version + 1, **change))
    found = events.c.case_id == row["id"]
    touched = _own_events(write, sa.and_(found, events.c.actor == row["conversation_id"]), name)
    touched += _staff_notes(write, found, traces, is_open)
    touched += _taken_in(write, events.c.case_id == row["merged_into"], row["number"])
    return {
        "cases": 1, "events": touched, "messages": _notices_to_others(write, row["id"], traces),
        "outbox": _handovers(write, row["id"]), "handovers": handovers.forget(write, row["id"], is_open, now),
        "group_records": records.forget(write, records.group_records.c.case_id == row["id"], name, is_open),
        "case_links": 0 if is_open else out_of_places(write, row["id"]), **disputes.forget(write, row["id"]),
    }  # fmt: skip


def others_out_of_case(write: Connection, case_id: int) -> Counts:
    """Leaves a case without all other residents who joined it or wrote to it."""
    theirs = sa.and_(events.c.case_id == case_id, OF_RESIDENTS, ~events.c.actor.startswith(f"{GONE}:"))
    actors = write.execute(sa.select(events.c.actor).where(theirs).distinct()).scalars().all()
    touched = sum(_own_events(write, sa.and_(theirs, events.c.actor == actor), pseudonym()) for actor in actors)
    touched += _taken_in(write, events.c.case_id == case_id)
    left = write.execute(followers.delete().where(followers.c.case_id == case_id)).rowcount
    return {"events": touched, "followers": left}


def person_out_of_conversation(write: Connection, conversation_id: str, name: str, shield: Shield) -> Counts:
    """Leaves nothing of a conversation but an empty one called `name` where cases still point to it.

    The cases of the resident have to be `name`'s already.
    """
    here = conversations.c.id == conversation_id
    said = sa.select(messages.c.id).where(messages.c.conversation_id == conversation_id)
    record = records.group_records.c.conversation_id == conversation_id
    sent = [outbox.c.message_id.in_(said), outbox.c.order_key == conversation_id]
    return {
        "knowledge_questions": _questions(write, conversation_id, shield),
        "group_records": records.forget(write, record, None, keep_place=True),
        "outbox": sum(write.execute(outbox.delete().where(mine)).rowcount for mine in sent),
        "events": _own_events(write, sa.and_(OF_RESIDENTS, events.c.actor == conversation_id), name),
        "followers": write.execute(followers.delete().where(followers.c.conversation_id == conversation_id)).rowcount,
        "messages": write.execute(messages.delete().where(messages.c.conversation_id == conversation_id)).rowcount,
        "attachments": write.execute(
            attachments.delete().where(attachments.c.conversation_id == conversation_id)
        ).rowcount,
        "conversations": write.execute(conversations.delete().where(here)).rowcount,
    }


def keep_name(write: Connection, conversation_id: str, name: str) -> None:
    """An empty conversation `name` for cases to point to, in the language of the one that goes."""
    was = write.execute(sa.select(conversations).where(conversations.c.id == conversation_id)).mappings().one()
    kept = {"id": name, "channel": GONE, "language": was["language"], "created_at": utc(was["created_at"])}
    write.execute(conversations.insert().values(**kept))


def about(objects: Sequence[str], numbers: Sequence[str]) -> Any:
    """Audit entries about these, or whose reason is the number of one of these cases."""
    return sa.or_(audit.c.object.in_(objects), audit.c.reason.in_(numbers))


def asked_in_vain(read: Connection, conversation_id: str, shield: Shield) -> list[Mapping[str, Any]]:
    """Questions kept without an id whose words this resident said about then, in one message or a few together."""
    query = sa.select(messages.c.text, messages.c.text_sealed, messages.c.created_at)
    said = query.where(messages.c.conversation_id == conversation_id, messages.c.author == "resident")
    when: dict[str, list[datetime]] = {}
    last: list[tuple[str, ...]] = []
    for text, sealed, at in read.execute(said.order_by(messages.c.seq)):
        last = [*last, (text, opened(shield, sealed) or text)][-ASKED_TOGETHER:]
        for start in range(len(last)):
            for words in zip(*last[start:], strict=True):
                when.setdefault(redact(" ".join(words), PUBLIC)[:300], []).append(utc(at))
    found: list[Mapping[str, Any]] = []
    texts = list(when)
    for start in range(0, len(texts), 500):
        same = sa.select(questions).where(questions.c.text.in_(texts[start : start + 500]))
        rows = read.execute(same).mappings().all()
        found += [r for r in rows if any(abs(utc(r["at"]) - at) <= SAME_QUESTION for at in when[r["text"]])]
    return found


def opened(shield: Shield, sealed: str | None) -> str | None:
    """What was sealed; None where its key is lost and nobody can read it any more."""
    try:
        return shield.open(sealed)
    except PermissionError:
        return None


def overwrite_what_goes(write: Connection) -> None:
    """SQLite leaves what is deleted in its file until something else needs the room; here it is overwritten at once."""
    if write.dialect.name == "sqlite":
        write.exec_driver_sql("PRAGMA secure_delete=ON")


def empty_log(store: Store) -> None:
    """SQLite's log still holds the pages as they were; it is emptied unless somebody is just reading from it."""
    if store.on_sqlite:
        connection = store.engine.raw_connection()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()


def added(counts: Iterable[Mapping[str, int]]) -> Counts:
    """The sum, table by table; tables with nothing are left out."""
    total: Counts = {}
    for some in counts:
        for table, number in some.items():
            total[table] = total.get(table, 0) + number
    return {table: number for table, number in total.items() if number}


def _emptied(column: sa.Column[Any]) -> Any:
    """A mark where words were, nothing where codes were."""
    if isinstance(column.type, sa.JSON):
        return [MARK]
    words = isinstance(column.type, sa.Text) and not column.name.endswith("_sealed")
    return MARK if words else None


def _own_events(write: Connection, found: Any, name: str) -> int:
    """What the resident wrote into timelines goes; that they did, when and how they rated stays."""
    rows = write.execute(sa.select(events).where(found)).mappings().all()
    for row in rows:
        detail = {field: value for field, value in row["detail"].items() if field in KEPT}
        note = MARK if row["note"] else row["note"]
        change = {"actor": name, "ref": None, "note": note, "note_sealed": None, "detail": detail}
        write.execute(events.update().where(events.c.id == row["id"]).values(**change))
    return len(rows)


def _taken_in(write: Connection, found: Any, number: str | None = None) -> int:
    """The words of residents whose cases were merged into one, or of the one whose case was `number`, go from it."""
    query = sa.select(events.c.id, events.c.detail).where(found, events.c.move == TAKE_IN)
    ids = [event_id for event_id, detail in write.execute(query) if number in (None, detail.get("other"))]
    change = {"note": MARK, "note_sealed": None}
    return int(write.execute(events.update().where(events.c.id.in_(ids)).values(**change)).rowcount)


def _staff_notes(write: Connection, found: Any, traces: Traces, is_open: bool) -> int:
    """The outcome stays in the words of staff, without the resident, numbers of persons and corrected fields."""
    touched = 0
    for row in write.execute(sa.select(events).where(found, ~OF_RESIDENTS)).mappings().all():
        note = traces.out_of(row["note"]) if row["note"] else row["note"]
        detail = {field: _detail(field, value, traces, is_open) for field, value in row["detail"].items()}
        if (note, None, detail) != (row["note"], row["note_sealed"], row["detail"]):
            change = {"note": note, "note_sealed": None, "detail": detail}
            write.execute(events.update().where(events.c.id == row["id"]).values(**change))
            touched += 1
    return touched


def _detail(field: str, value: Any, traces: Traces, is_open: bool) -> Any:
    if field == WAS:
        return {name: told for name, told in value.items() if name in KEPT or (is_open and name in PLACE)}
    if field in PERSONAL or field == PART:
        return MARK if value else value
    return traces.out_of(value) if isinstance(value, str) else value


def _notices_to_others(write: Connection, case_id: int, traces: Traces) -> int:
    """What staff wrote went to everybody who joined the case, and their words may have told who filed it."""
    others = sa.select(events.c.actor).where(events.c.case_id == case_id, OF_RESIDENTS)
    notices = sa.select(messages.c.id, messages.c.text, messages.c.text_sealed).where(
        messages.c.conversation_id.in_(others), messages.c.case_id == case_id, messages.c.author == "notice"
    )
    touched = 0
    for message_id, text, sealed in write.execute(notices).all():
        if sealed or traces.out_of(text) != text:
            change = {"text": traces.out_of(text), "text_sealed": None}
            write.execute(messages.update().where(messages.c.id == message_id).values(**change))
            touched += 1
    return touched


def _handovers(write: Connection, case_id: int) -> int:
    """Of what goes to other systems only the number stays; what has not gone yet will not go."""
    of_case = sa.and_(outbox.c.case_id == case_id, outbox.c.kind != "say")
    rows = write.execute(sa.select(outbox).where(of_case)).mappings().all()
    for row in rows:
        change: dict[str, Any] = {"payload": {k: v for k, v in row["payload"].items() if k == "number"}}
        if row["state"] in ("waiting", "sending"):
            change |= {"state": "given_up", "last_error": "erased"}
        elif row["last_error"]:
            change["last_error"] = MARK
        write.execute(outbox.update().where(outbox.c.id == row["id"]).values(**change))
    return len(rows)


def _questions(write: Connection, conversation_id: str, shield: Shield) -> int:
    ids: Sequence[int] = [row["id"] for row in asked_in_vain(write, conversation_id, shield)]
    for start in range(0, len(ids), 500):
        write.execute(questions.delete().where(questions.c.id.in_(ids[start : start + 500])))
    return len(ids)
