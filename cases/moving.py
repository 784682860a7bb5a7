"""Moves of the table, made in one transaction each: fetch, refuse, change, tell everybody who follows, commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import audit, conflicts, limits, routing
from cases.case import Case
from cases.conversations import Conversations, now_utc
from cases.county import County
from cases.effects import Given, Scene, changes, for_adviser, may_wait, place_of, pressing, standing
from cases.errors import NotFound, Refused, Stale
from cases.lifecycle import MOVES, OPEN, RUNNING, Move, allowed
from cases.notices import Notices
from cases.redact import STAFF, UNIT, redact
from cases.rows import case_of
from cases.shield import Shield
from cases.store import Store, cases, events, followers, supporters

#: statements of every filing: to build one takes longer than to run it
NEXT_NUMBER = sa.text(
    "insert into counters (name, value) values (:name, 1) "
    "on conflict (name) do update set value = counters.value + 1 returning value"
)
BY_ID = sa.select(cases).where(cases.c.id == sa.bindparam("case"))
LAST_EVENT = sa.select(sa.func.max(events.c.seq)).where(events.c.case_id == sa.bindparam("case"))
EVENT = events.insert()
WATCHED = 200
_SYSTEM = "system"
OUTSIDE = ("outside_note", "outside_answer")
#: new values that the event of a move tells, beside what was given
TOLD = frozenset({"unit", "level", "adviser", "support", "due_at", "in_time", "rating"})
#: what a report counts a case under: where a move changes it, its event tells what it was before
_COUNTED_UNDER = ("category", "town", "village", "grid")
#: what a case that was split off has in common with the one it comes from
_SAME = frozenset(
    {
        "conversation_id", "kind", "town", "village", "grid", "place_said", "since", "since_said", "contact_sealed",
        "contact_masked", "contact_withheld", "place_sealed", "language", "signals", "legal_topic", "wanted",
        "citations",
    }
)  # fmt: skip


class Moving(Conversations):
    """Cases of one county on their way. Raises Refused, Stale, NotFound; then nothing has changed."""

    def __init__(
        self, store: Store, county: County, clock: Callable[[], datetime] = now_utc, shield: Shield | None = None
    ) -> None:
        """`clock` gives aware datetimes; `shield` seals what tells who somebody is (this installation's by default)."""
        super().__init__(store, clock, shield)
        self.county = county
        self._notices = Notices.load()

    @property
    def doors(self) -> tuple[str, ...]:
        """Codes of who may be responsible where the county is not."""
        return self._notices.doors

    def door(self, code: str, language: str) -> str:
        """What a resident is told of such a door."""
        return self._notices.door(code, language)

    def ladder(self, case: Case) -> tuple[routing.Stage, ...]:
        """Who may settle the case by the responsibility list, lowest level first."""
        return routing.ladder(self.county, case.category, place_of(vars(case)))

    def can_reopen(self, case: Case) -> bool:
        """Whether its resident may still have it reopened."""
        return MOVES["reopen"] in self.moves(case, "resident")

    def moves(self, case: Case, role: str) -> list[Move]:
        """What the table allows `role` to do with the case now."""
        return self._allowed(vars(case), role)

    def move(self, case_id: int, move: str, *, actor: str, role: str, version: int, **given: Any) -> Case:
        """Makes one move of the table; `given` are fields of effects.Given.

        Raises Refused (not allowed, or something it needs is missing) or Stale (changed meanwhile).
        """
        told = Given(**given)
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            if row["version"] != version:
                raise Stale(case_of(row))
            self._make(write, row, self._found(row, move, role), told, actor, role)
            return self._case_by_id(write, row["id"])

    def outside(self, case_id: int, status: str, note: str | None) -> None:
        """How a case stands in the system outside: open (news only) or closed (an answer that we still verify).

        Told twice it counts once; what the case's own status doesn't allow any more is passed over.
        """
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            word = note or self._notices.word(f"outside_{'closed' if status == 'closed' else 'open'}", row["language"])
            told = sa.select(events.c.note).where(events.c.case_id == case_id, events.c.move.in_(OUTSIDE))
            if self.shield.keep(word, STAFF)[0] in list(write.execute(told).scalars()):
                return
            move = MOVES["outside_answer" if status == "closed" else "outside_note"]
            if move in self._allowed(row, _SYSTEM):
                self._make(write, row, move, Given(note=word), _SYSTEM, _SYSTEM)

    def watch(self) -> int:
        """Moves what stood too long: up a level, overdue at the top, an emergency nobody acknowledged.

        Returns how many. Called again and again by the relay; each case in a transaction of its own.
        """
        now, c = self.clock(), cases.c
        late = sa.and_(c.due_at < now, c.overdue_at.is_(None))
        unheard = sa.and_(
            c.status == "dispatched", c.emergency.is_not(None), c.alarmed_at.is_(None),
            c.dispatched_at < now - may_wait(self.county),
        )  # fmt: skip
        query = sa.select(c.id).where(c.status.in_(RUNNING), sa.or_(late, unheard))
        with self.store.read() as read:
            found = list(read.execute(query.order_by(c.due_at).limit(WATCHED)).scalars())
        return sum(self._watch(case_id) for case_id in found)

    def _watch(self, case_id: int) -> bool:
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            move = next((m for m in self._allowed(row, _SYSTEM) if m.code in ("alarm", "climb", "overdue")), None)
            if move is not None:
                self._make(write, row, move, Given(), _SYSTEM, _SYSTEM)
        return move is not None

    # --- inside --------------------------------------------------------------------------------------------------

    def _allowed(self, row: Mapping[str, Any], role: str) -> list[Move]:
        """The moves that the table allows `role` now."""
        return allowed(row["status"], role, row["kind"], standing(self.county, row, self.clock()))

    def _found(self, row: Any, code: str, role: str) -> Move:
        """The move, if the table allows it now. Raises Refused."""
        found = MOVES.get(code)
        if found is None or found not in self._allowed(row, role):
            raise Refused("not_allowed")
        return found

    def _make(self, write: Connection, row: Any, move: Move, given: Given, actor: str, role: str) -> None:
        """One move with everything that belongs to it. Raises Refused."""
        if (missing := given.missing(move.needs)) is not None:
            raise Refused(f"{missing}_missing")
        if given.door and given.door not in self._notices.doors:
            raise Refused("unknown_code")
        change = self._changes(write, row, move, given)
        detail = given.detail() | {k: v for k, v in change.items() if k in TOLD}
        if move.code == "merge":
            other = self._merge(write, row, given, actor, role)
            detail["other"], change["merged_into"] = other["number"], other["id"]
        elif move.code == "hide":
            detail, change = {}, self._hidden(row, given)
        elif move.code == "split":
            detail["other"], change = self._split(write, row, given, change), {}
        self._apply(write, row, move, change, actor, role, given.note, detail)

    def _changes(self, write: Connection, row: Any, move: Move, given: Given) -> dict[str, Any]:
        """The new values of a move. Raises Refused."""
        scene = Scene(self.county, row, given, self.clock())
        if "adviser" in move.takes and for_adviser(row, given):
            choice = conflicts.choose(write, self.county, row, given.adviser)
            if choice.passed:
                self._conflict(write, row)
            if choice.adviser is None and choice.passed:
                raise Refused(conflicts.CONFLICT)
            scene = replace(scene, adviser=choice.adviser)
        return changes(move.code, scene)

    def _conflict(self, write: Connection, row: Any) -> None:
        """An event says that the adviser of the place was passed over; it names nobody."""
        status = row["status"]
        self._event(write, row["id"], "conflict", status, status, _SYSTEM, _SYSTEM, None, self.clock(), {})

    def _merge(self, write: Connection, row: Any, given: Given, actor: str, role: str) -> Any:
        """The other case takes in the resident, those who follow, and the words. Returns its row."""
        try:
            other = self._need_case(write, str(given.into))
        except NotFound:
            raise Refused("into_unknown") from None
        if other["id"] == row["id"] or other["status"] not in OPEN:
            raise Refused("into_not_open")
        known = {other["conversation_id"], *self._followers(write, other["id"])}
        for told in (row["conversation_id"], *self._followers(write, row["id"])):
            if told not in known:
                joined = {"case_id": other["id"], "conversation_id": told, "joined_at": self.clock(), "rating": None}
                write.execute(followers.insert().values(**joined))
                known.add(told)
        self._update_case(write, other)
        words, detail = "\n".join(row["words"]), {"other": row["number"]}
        status = other["status"]
        self._event(write, other["id"], "take_in", status, status, actor, role, words, self.clock(), detail)
        return other

    def _hidden(self, row: Any, given: Given) -> dict[str, Any]:
        """Words without a part that tells too much: the unit no longer sees it, a reveal still does."""
        words, sealed = self.shield.hide(row["words"], row["words_sealed"], _part(row, given))
        return {"words": words, "words_sealed": sealed}

    def _split(self, write: Connection, row: Any, given: Given, change: Mapping[str, Any]) -> str:
        """A second case, of the category in `change`, from a part of the resident's own words. Returns its number."""
        part, now = _part(row, given), self.clock()
        number = self._next_number(write, now)
        count = sa.select(sa.func.count()).select_from(cases).where(cases.c.split_from == row["id"])
        fresh = {c.name: row[c.name] for c in cases.c if c.name in _SAME}
        fresh |= {
            "number": number, "filing_key": f"{row['filing_key']}/split/{write.execute(count).scalar_one() + 1}",
            "version": 1, "status": "reported", "words": [part], "category": change.get("category"),
            "domain": change.get("domain"), "split_from": row["id"], "created_at": now, "emergency": None,
            "supervised_at": None, "open": True, "due_at": limits.desk_due(self.county, now),
        }  # fmt: skip
        fresh["pressing"] = pressing(fresh)
        made = write.execute(cases.insert().values(**fresh)).inserted_primary_key[0]
        self._event(
            write, made, "file", None, "reported", row["conversation_id"], "resident", None, now,
            {"other": row["number"], "due_at": fresh["due_at"].isoformat()},
        )  # fmt: skip
        self._hand_over(write, made, number)
        return number

    def _apply(
        self, write: Connection, row: Any, move: Move, change: dict[str, Any], actor: str, role: str,
        note: str | None, detail: Mapping[str, Any], ref: str | None = None,
    ) -> None:  # fmt: skip
        after = move.after or row["status"]
        if (support := change.pop("support", None)) is not None:
            self._set_support(write, row["id"], support)
        self._update_case(write, row, status=after, **change)
        told = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in detail.items()}
        if was := {k: row[k] for k in _COUNTED_UNDER if k in change and change[k] != row[k]}:
            told["was"] = was
        self._event(write, row["id"], move.code, row["status"], after, actor, role, note, self.clock(), told, ref=ref)
        if role != "resident":
            audit.note(write, self.clock(), actor, move.code, row["number"])
        if move.notice:
            self._notify(write, {**row, **change, "status": after}, move.notice, note, detail)

    def _update_case(self, write: Connection, row: Any, **values: Any) -> None:
        held = {**row, **values}
        known = {"open": held["status"] in OPEN, "pressing": pressing(held), "version": cases.c.version + 1}
        write.execute(cases.update().where(cases.c.id == row["id"]).values(**values, **known))
        if known["open"] is not bool(row["open"]):
            helping = supporters.update().where(supporters.c.case_id == row["id"])
            write.execute(helping.values(open=known["open"]))

    def _set_support(self, write: Connection, case_id: int, units: Iterable[str]) -> None:
        write.execute(supporters.delete().where(supporters.c.case_id == case_id))
        for unit in dict.fromkeys(units):
            write.execute(supporters.insert().values(case_id=case_id, unit=unit))

    def _need_case(self, connection: Connection, key: int | str) -> Any:
        found = cases.c.id == key if isinstance(key, int) else cases.c.number == key
        row = connection.execute(self.store.lock_row(sa.select(cases).where(found))).mappings().first()
        if row is None:
            raise NotFound(str(key))
        return row

    def _case_by_id(self, connection: Connection, case_id: int) -> Case:
        return case_of(connection.execute(BY_ID, {"case": case_id}).mappings().one())

    def _followers(self, connection: Connection, case_id: int) -> list[str]:
        joined = sa.select(followers.c.conversation_id).where(followers.c.case_id == case_id).order_by(followers.c.id)
        return list(connection.execute(joined).scalars())

    def _event(
        self, write: Connection, case_id: int, move: str, before: str | None, after: str, actor: str, role: str,
        note: str | None, at: datetime, detail: dict[str, Any], ref: str | None = None,
    ) -> None:  # fmt: skip
        shown, sealed = self.shield.keep(note, UNIT if role == "resident" else STAFF)
        last = write.execute(LAST_EVENT, {"case": case_id}).scalar_one()
        row = {
            "case_id": case_id, "seq": (last or 0) + 1, "move": move, "before": before, "after": after, "actor": actor,
            "role": role, "note": shown, "note_sealed": sealed, "at": at, "detail": detail,
            "ref": f"{case_id}/{move}/{ref}" if ref else None,
        }  # fmt: skip
        write.execute(EVENT, row)

    def _notify(
        self, write: Connection, row: Any, code: str, note: str | None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Tells the resident who filed the case and everybody who joined it, each in their own chat and language.

        Names and numbers in a note are for the one who filed the case, not for those who joined it.
        """
        version = write.execute(sa.select(cases.c.version).where(cases.c.id == row["id"])).scalar_one()
        ref = f"notice:{row['id']}:{version}:{code}"
        for_others = redact(note, UNIT) if note else note
        for told in (row["conversation_id"], *self._followers(write, row["id"])):
            language = self._need_conversation(write, told)["language"]
            said = note if told == row["conversation_id"] else for_others
            text, buttons = self._notices.render(code, language, self._blanks(row, language, said, detail or {}))
            message = self._append(
                write, told, ref, "notice", text, buttons=buttons, delivery="waiting", case_id=row["id"]
            )
            self._enqueue(write, message, row["id"])

    def _blanks(self, row: Any, language: str, note: str | None, detail: Mapping[str, Any]) -> dict[str, str]:
        unit = self.county.unit(row["unit"]) if row["unit"] else None
        name = (unit.name if language == "zh" else unit.name_en) if unit else self._notices.word("adviser", language)
        due = audit.utc(row["due_at"]).astimezone(self.county.zone) if row["due_at"] else None
        return {
            "number": row["number"],
            "unit": name,
            "due": due.strftime("%Y-%m-%d %H:%M") if due else self._notices.word("no_limit", language),
            "note": (note or "").strip(),
            "door": self._notices.door(detail["door"], language) if detail.get("door") else "",
            "other": str(detail.get("other", "")),
        }

    def _next_number(self, write: Connection, now: datetime) -> str:
        day = now.astimezone(self.county.zone).strftime("%Y%m%d")
        value = write.execute(NEXT_NUMBER, {"name": f"case-{day}"}).scalar_one()
        return f"{self.county.prefix}{day}-{value:06d}"

    def _hand_over(self, write: Connection, case_id: int, number: str) -> None:
        self._outbox(write, "handover", f"case:{case_id}", f"case:{case_id}:filed", {"number": number}, None, case_id)


def _part(row: Any, given: Given) -> str:
    """The part that was picked out of the resident's own words. Raises Refused where they don't hold it."""
    part = str(given.part).strip()
    if not any(part in words for words in row["words"]):
        raise Refused("part_unknown")
    return part
