"""The desk, the only place that changes a case or a conversation: fetch, refuse, change, commit in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.engine import Connection

from cases import audit, limits, routing
from cases.case import AuditEntry, Case, Contact, Event, Matter, mask
from cases.conversations import Conversations, now_utc
from cases.county import County, StaffMember
from cases.errors import NotFound, Refused, Stale
from cases.lifecycle import MOVES, OPEN, Move, allowed
from cases.notices import Notices
from cases.rows import case_of, event_of
from cases.shield import Shield
from cases.store import Store, cases, conversations, events, followers, staff

__all__ = ["Desk", "NotFound", "Refused", "Stale"]

PAGE = 50
PLACE = ("town", "village", "grid", "place_said")
AMENDABLE = frozenset({"category", "domain", "since", "since_said", *PLACE})
#: the statements of every filing: to build one takes longer than to run it
NEXT_NUMBER = sa.text(
    "insert into counters (name, value) values (:name, 1) "
    "on conflict (name) do update set value = counters.value + 1 returning value"
)
FILED = sa.select(cases).where(cases.c.filing_key == sa.bindparam("key"))
BY_ID = sa.select(cases).where(cases.c.id == sa.bindparam("case"))
LAST_EVENT = sa.select(sa.func.max(events.c.seq)).where(events.c.case_id == sa.bindparam("case"))
CASE, EVENT = cases.insert(), events.insert()
STAFF_REVEALS = frozenset({"operator", "administrator", "unit", "adviser"})


class Desk(Conversations):
    """Conversations and cases of one county. Raises Refused, Stale, NotFound; then nothing has changed."""

    def __init__(
        self, store: Store, county: County, clock: Callable[[], datetime] = now_utc, shield: Shield | None = None
    ) -> None:
        """`clock` gives aware datetimes; `shield` seals contacts (this installation's own by default)."""
        super().__init__(store, clock)
        self.county = county
        self._shield = shield
        self._notices = Notices.load()
        self._hasher = PasswordHasher()

    @property
    def shield(self) -> Shield:
        """Opened at first need."""
        if self._shield is None:
            self._shield = Shield.of_this_installation()
        return self._shield

    # --- cases ---------------------------------------------------------------------------------------------------

    def file(self, matter: Matter) -> Case:
        """Case, first event, routing and the duty desk's notice in one transaction; the number exists when it ends."""
        key = f"{matter.conversation_id}/{matter.filing_key}"
        with self.store.write() as write:
            conversation = self._need_conversation(write, matter.conversation_id)
            before = write.execute(FILED, {"key": key}).mappings().first()
            if before is not None:
                return case_of(before)
            now = self.clock()
            row = self._new_case(matter, key, self._next_number(write, now), now)
            try:
                case_id = write.execute(CASE, row).inserted_primary_key[0]
            except sa.exc.IntegrityError:
                raise Refused("already_filed") from None
            self._event(write, case_id, "file", None, "reported", matter.conversation_id, "resident", None, now, {})
            if conversation["language"] != matter.language:
                self._update_conversation(write, matter.conversation_id, language=matter.language)
            self._hand_over(write, case_id, row["number"])
            if matter.kind == "consultation":
                self._send_to_adviser(write, case_id, now)
            return self._case_by_id(write, case_id)

    def case(self, key: int | str) -> Case:
        """By id or number. Raises NotFound."""
        with self.store.read() as read:
            return case_of(self._need_case(read, key))

    def look(self, key: int | str, *, actor: str, role: str) -> Case:
        """Like `case`, for a member of staff; that they looked is in the audit log."""
        with self.store.write() as write:
            row = self._need_case(write, key)
            audit.note(write, self.clock(), actor, "look", row["number"], role)
            return case_of(row)

    def cases_of(self, conversation_id: str) -> list[Case]:
        """Cases that the resident of one conversation filed or joined, oldest first."""
        joined = sa.select(followers.c.case_id).where(followers.c.conversation_id == conversation_id)
        own = sa.or_(cases.c.conversation_id == conversation_id, cases.c.id.in_(joined))
        return self._cases(sa.select(cases).where(own).order_by(cases.c.created_at, cases.c.id))

    def alike(self, conversation_id: str, category: str, town: str, village: str | None) -> list[Case]:
        """Open complaints of others of the same category and place, newest first, 50 at most.

        A case or a question that names no village may be anywhere in its town. Emergencies are nobody else's.
        """
        query = sa.select(cases).where(
            cases.c.status.in_(OPEN),
            cases.c.kind == "complaint",
            cases.c.category == category,
            cases.c.town == town,
            cases.c.emergency.is_(None),
            cases.c.conversation_id != conversation_id,
        )
        if village:
            query = query.where(sa.or_(cases.c.village == village, cases.c.village.is_(None)))
        return self._cases(query.order_by(cases.c.id.desc()).limit(PAGE))

    def followers(self, case_id: int) -> int:
        """How many residents joined the case."""
        with self.store.read() as read:
            query = sa.select(sa.func.count()).select_from(followers).where(followers.c.case_id == case_id)
            return int(read.execute(query).scalar_one())

    def queue(
        self,
        *,
        role: str,
        unit: str | None = None,
        adviser: str | None = None,
        status: str | None = None,
        search: str | None = None,
        page: int = 1,
    ) -> list[Case]:
        """What this role has to look at: emergencies first, then what is due soonest; 50 a page."""
        query = sa.select(cases).where(cases.c.status == status if status else cases.c.status.in_(OPEN))
        if role == "unit":
            query = query.where(cases.c.unit == unit, cases.c.status != "reported")
        elif role == "adviser":
            query = query.where(cases.c.adviser == adviser)
        if search:
            told = f"%{search}%"
            query = query.where(sa.or_(cases.c.number.like(told), sa.cast(cases.c.words, sa.Text).like(told)))
        query = query.order_by(cases.c.emergency.is_(None), cases.c.due_at, cases.c.id)
        return self._cases(query.limit(PAGE).offset((page - 1) * PAGE))

    def timeline(self, case_id: int) -> list[Event]:
        """What happened, in order."""
        with self.store.read() as read:
            rows = read.execute(sa.select(events).where(events.c.case_id == case_id).order_by(events.c.seq)).mappings()
            return [event_of(row) for row in rows]

    def moves(self, case: Case, role: str) -> list[Move]:
        """What the table allows `role` to do with the case now."""
        return allowed(case.status, role, case.kind)

    def move(
        self,
        case_id: int,
        move: str,
        *,
        actor: str,
        role: str,
        version: int,
        note: str | None = None,
        unit: str | None = None,
        category: str | None = None,
    ) -> Case:
        """Makes one move of the table. Raises Refused (not allowed, or words missing) or Stale (changed meanwhile)."""
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            if row["version"] != version:
                raise Stale(case_of(row))
            found = MOVES.get(move)
            if found is None or found not in allowed(row["status"], role, row["kind"]):
                raise Refused("not_allowed")
            if "note" in found.needs and not (note or "").strip():
                raise Refused("note_missing")
            change = self._effect(found, row, unit=unit, category=category)
            self._apply(write, row, found, change, actor, role, note)
            return self._case_by_id(write, row["id"])

    def amend(self, case_id: int, *, actor: str, role: str, version: int, **fields: str | None) -> Case:
        """Corrects fields; the resident's words never change. Raises Refused, Stale."""
        if unknown := set(fields) - AMENDABLE:
            raise Refused(f"not_amendable_{sorted(unknown)[0]}")
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            if row["version"] != version:
                raise Stale(case_of(row))
            if category := fields.get("category"):
                fields["domain"] = self.county.category(category).domain
            changed = {k: [row[k], v] for k, v in fields.items() if row[k] != v}
            if not changed:
                return case_of(row)
            values = {k: v for k, v in fields.items() if k in changed}
            self._update_case(write, row, **values)
            self._event(
                write, row["id"], "amend", row["status"], row["status"], actor, role, None, self.clock(), changed
            )
            audit.note(write, self.clock(), actor, "amend", row["number"])
            return self._case_by_id(write, row["id"])

    # --- what residents do with their case -----------------------------------------------------------------------

    def urge(self, case_id: int, conversation_id: str, ref: str, words: str) -> Case:
        """Passes an urging on; one a day counts. Raises Refused."""
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if self._done_before(write, row["id"], "urge", ref):
                return case_of(row)
            since = self.clock() - timedelta(hours=self.county.limits["urge_hours"])
            recent = sa.select(events.c.id).where(
                events.c.case_id == row["id"], events.c.move == "urge", events.c.at > since
            )
            if write.execute(recent).first() is not None:
                raise Refused("urged_already")
            signals = [*row["signals"], "urged"] if "urged" not in row["signals"] else row["signals"]
            return self._by_resident(write, row, "urge", ref, words, actor=conversation_id, signals=signals)

    def add_words(self, case_id: int, conversation_id: str, ref: str, words: str, **place: str | None) -> Case:
        """Adds words to the case, verbatim, and a place (town, village, grid, place_said) where it has none yet.

        The words of a follower become an event, not words of the resident who filed it. Raises Refused.
        """
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if self._done_before(write, row["id"], "add", ref):
                return case_of(row)
            if row["conversation_id"] != conversation_id:
                return self._by_resident(write, row, "add", ref, words, actor=conversation_id)
            found = {} if row["town"] else {name: place[name] for name in PLACE if place.get(name)}
            return self._by_resident(write, row, "add", ref, words, words=[*row["words"], words], **found)

    def join(self, case_id: int, conversation_id: str, ref: str, words: Sequence[str]) -> Case:
        """Makes the resident a follower of somebody's open case: every notice comes to them too.

        Their words, verbatim, become an event of the case. Raises Refused, NotFound.
        """
        with self.store.write() as write:
            self._need_conversation(write, conversation_id)
            row = self._need_case(write, case_id)
            if row["conversation_id"] == conversation_id or self._follows(write, case_id, conversation_id):
                return case_of(row)
            case = self._by_resident(write, row, "join", ref, "\n".join(words), actor=conversation_id)
            write.execute(
                followers.insert().values(
                    case_id=case_id, conversation_id=conversation_id, joined_at=self.clock(), rating=None
                )
            )
            return case

    def withdraw(self, case_id: int, conversation_id: str, ref: str, reason: str) -> Case:
        """Ends a case that the resident no longer wants; who only joined it leaves it. Raises Refused."""
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if self._done_before(write, row["id"], "withdraw", ref):
                return case_of(row)
            if row["conversation_id"] != conversation_id:
                case = self._by_resident(write, row, "leave", ref, reason, actor=conversation_id)
                write.execute(followers.delete().where(*self._following(case_id, conversation_id)))
                return case
            return self._by_resident(write, row, "withdraw", ref, reason, closed_at=self.clock())

    def rate(self, case_id: int, conversation_id: str, ref: str, score: int, words: str | None = None) -> Case:
        """Stores the resident's rating, 1 to 5, of a closed case. Raises Refused."""
        if not 1 <= score <= 5:
            raise Refused("no_score")
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if self._done_before(write, row["id"], "rate", ref):
                return case_of(row)
            if row["conversation_id"] != conversation_id:
                return self._rate_as_follower(write, row, conversation_id, ref, score, words)
            return self._by_resident(write, row, "rate", ref, words, rating=score, rating_words=words)

    # --- persons -------------------------------------------------------------------------------------------------

    def reveal(self, case_id: int, *, actor: str, role: str, reason: str) -> Contact:
        """The contact in full, for those whose step needs it and with a reason, which is logged. Raises Refused."""
        if len(reason.strip()) < 4:
            raise Refused("reason_missing")
        if role not in STAFF_REVEALS:
            raise Refused("not_allowed")
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            if role == "unit" and "contact_agreed" not in row["signals"]:
                raise Refused("not_agreed")
            audit.note(write, self.clock(), actor, "reveal", row["number"], reason.strip())
            return Contact(self.shield.open(row["contact_sealed"]))

    def audit_trail(self, limit: int = 200) -> tuple[list[AuditEntry], bool]:
        """The newest entries, and whether the whole chain is unbroken."""
        with self.store.read() as read:
            return audit.latest(read, limit), audit.verify(read)

    # --- staff ---------------------------------------------------------------------------------------------------

    def enrol(self, password: str) -> None:
        """Gives every member of staff without a password this one (the installation's first)."""
        with self.store.write() as write:
            known = set(write.execute(sa.select(staff.c.login)).scalars())
            fresh = [member.login for member in self._members() if member.login not in known]
            if fresh:
                hashed = self._hasher.hash(password)
                write.execute(staff.insert(), [{"login": login, "password_hash": hashed} for login in fresh])

    def set_password(self, login: str, password: str) -> None:
        """A new password for one member of staff. Raises NotFound, Refused when it is shorter than 8."""
        if len(password) < 8:
            raise Refused("password_short")
        with self.store.write() as write:
            done = write.execute(
                staff.update().where(staff.c.login == login).values(password_hash=self._hasher.hash(password))
            )
            if done.rowcount == 0:
                raise NotFound(login)
            audit.note(write, self.clock(), login, "password", login)

    def sign_in(self, login: str, password: str) -> StaffMember | None:
        """The member of staff, or None; a wrong login takes as long as a wrong password."""
        with self.store.read() as read:
            hashed = read.execute(sa.select(staff.c.password_hash).where(staff.c.login == login)).scalar_one_or_none()
        try:
            self._hasher.verify(hashed or _NOBODY, password)
        except VerificationError:
            return None
        found = next((m for m in self._members() if m.login == login), None)
        with self.store.write() as write:
            audit.note(write, self.clock(), login, "sign_in", login)
        return found

    def staffed(self, now: datetime | None = None) -> bool:
        """Whether somebody works at the desk."""
        return limits.staffed(self.county, now or self.clock())

    # --- figures -------------------------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """Per unit and in all: open, overdue, closed, share closed in time (percent), mean rating (1 to 5)."""
        now, c = self.clock(), cases.c
        is_open, ended = c.status.in_(OPEN), c.status.in_(("closed", "rated"))
        columns = (
            sa.func.sum(sa.case((is_open, 1), else_=0)).label("open"),
            sa.func.sum(sa.case((sa.and_(is_open, c.due_at < now), 1), else_=0)).label("overdue"),
            sa.func.sum(sa.case((ended, 1), else_=0)).label("closed"),
            sa.func.sum(sa.case((sa.and_(ended, c.in_time.is_(True)), 1), else_=0)).label("in_time"),
            sa.func.avg(c.rating).label("rating"),
        )
        with self.store.read() as read:
            by_unit = read.execute(sa.select(c.unit, *columns).group_by(c.unit).order_by(c.unit)).mappings().all()
            total = read.execute(sa.select(*columns)).mappings().one()
            waiting = read.execute(
                sa.select(sa.func.count()).select_from(conversations).where(conversations.c.holder == "waiting")
            ).scalar_one()
        units = [{"unit": row["unit"], **_figures(row)} for row in by_unit]
        return {**_figures(total), "waiting_conversations": waiting, "units": units}

    # --- inside --------------------------------------------------------------------------------------------------

    def _members(self) -> Iterable[StaffMember]:
        advisers = (StaffMember(a.login, a.name, "adviser", None) for a in self.county.advisers)
        return {m.login: m for m in (*advisers, *self.county.staff)}.values()

    def _cases(self, query: Any) -> list[Case]:
        with self.store.read() as read:
            return [case_of(row) for row in read.execute(query).mappings()]

    def _need_case(self, connection: Connection, key: int | str) -> Any:
        found = cases.c.id == key if isinstance(key, int) else cases.c.number == key
        row = connection.execute(self.store.lock_row(sa.select(cases).where(found))).mappings().first()
        if row is None:
            raise NotFound(str(key))
        return row

    def _case_by_id(self, connection: Connection, case_id: int) -> Case:
        return case_of(connection.execute(BY_ID, {"case": case_id}).mappings().one())

    def _own_case(self, write: Connection, case_id: int, conversation_id: str) -> Any:
        """The case, if the resident filed or joined it. Raises NotFound."""
        row = self._need_case(write, case_id)
        if row["conversation_id"] != conversation_id and not self._follows(write, case_id, conversation_id):
            raise NotFound(str(case_id))
        return row

    @staticmethod
    def _following(case_id: int, conversation_id: str) -> tuple[Any, Any]:
        return followers.c.case_id == case_id, followers.c.conversation_id == conversation_id

    def _follows(self, connection: Connection, case_id: int, conversation_id: str) -> bool:
        query = sa.select(followers.c.id).where(*self._following(case_id, conversation_id))
        return connection.execute(query).first() is not None

    def _rate_as_follower(
        self, write: Connection, row: Any, conversation_id: str, ref: str, score: int, words: str | None
    ) -> Case:
        """A follower's rating stands beside the one of the resident who filed the case; the status is theirs."""
        if row["status"] not in ("closed", "rated"):
            raise Refused("rate_not_now")
        write.execute(followers.update().where(*self._following(row["id"], conversation_id)).values(rating=score))
        self._event(
            write, row["id"], "rate", row["status"], row["status"], conversation_id, "resident", words, self.clock(),
            {"rating": score}, ref=ref,
        )  # fmt: skip
        return self._case_by_id(write, row["id"])

    def _next_number(self, write: Connection, now: datetime) -> str:
        day = now.astimezone(self.county.zone).strftime("%Y%m%d")
        value = write.execute(NEXT_NUMBER, {"name": f"case-{day}"}).scalar_one()
        return f"{self.county.prefix}{day}-{value:06d}"

    def _new_case(self, matter: Matter, key: str, number: str, now: datetime) -> dict[str, Any]:
        return {
            "number": number, "filing_key": key, "version": 1, "status": "reported", "kind": matter.kind,
            "conversation_id": matter.conversation_id, "words": list(matter.words), "category": matter.category,
            "domain": matter.domain, "town": matter.town, "village": matter.village, "grid": matter.grid,
            "place_said": matter.place_said, "since": matter.since, "since_said": matter.since_said,
            "contact_sealed": self.shield.seal(matter.contact), "contact_masked": mask(matter.contact),
            "contact_withheld": matter.contact_withheld, "language": matter.language, "emergency": matter.emergency,
            "signals": list(matter.signals), "legal_topic": matter.legal_topic, "wanted": matter.wanted,
            "citations": list(matter.citations), "created_at": now,
            "unit": self.county.duty if matter.emergency else None,
            "due_at": limits.due(self.county, matter.kind, matter.category, matter.emergency, matter.signals, now),
        }  # fmt: skip

    def _send_to_adviser(self, write: Connection, case_id: int, now: datetime) -> None:
        """A consultation needs no desk in between when its place names an adviser."""
        row = self._need_case(write, case_id)
        adviser = routing.adviser_for(self.county, row["grid"], row["town"])
        if adviser is None:
            return
        self._update_case(write, row, status="dispatched", adviser=adviser)
        for move, before in (("register", "reported"), ("dispatch", "registered")):
            after = MOVES[move].after or before
            self._event(write, case_id, move, before, after, "system", "system", None, now, {"adviser": adviser})

    def _effect(self, move: Move, row: Any, *, unit: str | None, category: str | None) -> dict[str, Any]:
        """What a move changes beside the status. Raises Refused for a unit or category the county doesn't have."""
        now = self.clock()
        try:
            if unit:
                self.county.unit(unit)
            if category:
                self.county.category(category)
        except LookupError as unknown:
            raise Refused("unknown_code") from unknown
        change: dict[str, Any] = {"category": category} if category else {}
        kind, found = row["kind"], category or row["category"]
        if move.code in ("dispatch", "reassign"):
            if kind == "consultation":
                change["adviser"] = routing.adviser_for(self.county, row["grid"], row["town"])
                if change["adviser"] is None and not unit:
                    raise Refused("place_missing")
            change["unit"] = unit or (
                None if kind == "consultation" else routing.unit_for(self.county, found, row["town"])
            )
            change["due_at"] = limits.due(self.county, kind, found, row["emergency"], tuple(row["signals"]), now)
        if move.code == "extend":
            due = audit.utc(row["due_at"]) if row["due_at"] else now
            change["due_at"] = limits.after_workdays(self.county, max(due, now), self.county.limits["extension_days"])
        if move.code == "close":
            change |= {"closed_at": now, "in_time": row["due_at"] is None or now <= audit.utc(row["due_at"])}
        if move.code == "refuse":
            change["closed_at"] = now
        if move.code in ("redo", "verify_failed"):
            change |= {"closed_at": None, "rating": None, "in_time": None}
        return change

    def _apply(
        self, write: Connection, row: Any, move: Move, change: dict[str, Any], actor: str, role: str, note: str | None
    ) -> None:
        after = move.after or row["status"]
        self._update_case(write, row, status=after, **change)
        told = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in change.items()}
        self._event(write, row["id"], move.code, row["status"], after, actor, role, note, self.clock(), told)
        audit.note(write, self.clock(), actor, move.code, row["number"])
        if move.notice:
            self._notify(write, {**row, **change, "status": after}, move.notice, note)

    def _by_resident(
        self,
        write: Connection,
        row: Any,
        move: str,
        ref: str,
        note: str | None,
        actor: str | None = None,
        **change: Any,
    ) -> Case:
        """One move of the resident who filed the case, or of the follower `actor`."""
        found = MOVES[move]
        if found not in allowed(row["status"], "resident", row["kind"]):
            raise Refused(f"{move}_not_now")
        after = found.after or row["status"]
        self._update_case(write, row, status=after, **change)
        who = actor or row["conversation_id"]
        self._event(write, row["id"], move, row["status"], after, who, "resident", note, self.clock(), {}, ref=ref)
        return self._case_by_id(write, row["id"])

    def _update_case(self, write: Connection, row: Any, **values: Any) -> None:
        write.execute(cases.update().where(cases.c.id == row["id"]).values(version=cases.c.version + 1, **values))

    def _done_before(self, write: Connection, case_id: int, move: str, ref: str) -> bool:
        key = f"{case_id}/{move}/{ref}"
        return write.execute(sa.select(events.c.id).where(events.c.ref == key)).first() is not None

    def _event(
        self, write: Connection, case_id: int, move: str, before: str | None, after: str, actor: str, role: str,
        note: str | None, at: datetime, detail: dict[str, Any], ref: str | None = None,
    ) -> None:  # fmt: skip
        last = write.execute(LAST_EVENT, {"case": case_id}).scalar_one()
        row = {
            "case_id": case_id, "seq": (last or 0) + 1, "move": move, "before": before, "after": after, "actor": actor,
            "role": role, "note": note, "at": at, "detail": detail, "ref": f"{case_id}/{move}/{ref}" if ref else None,
        }  # fmt: skip
        write.execute(EVENT, row)

    def _notify(self, write: Connection, row: Any, code: str, note: str | None) -> None:
        """Tells the resident who filed the case and everybody who joined it, each in their own chat and language."""
        version = write.execute(sa.select(cases.c.version).where(cases.c.id == row["id"])).scalar_one()
        ref = f"notice:{row['id']}:{version}:{code}"
        joined = sa.select(followers.c.conversation_id).where(followers.c.case_id == row["id"]).order_by(followers.c.id)
        for told in (row["conversation_id"], *write.execute(joined).scalars()):
            language = self._need_conversation(write, told)["language"]
            text, buttons = self._notices.render(code, language, self._blanks(row, language, note))
            message = self._append(
                write, told, ref, "notice", text, buttons=buttons, delivery="waiting", case_id=row["id"]
            )
            self._enqueue(write, message, row["id"])

    def _blanks(self, row: Any, language: str, note: str | None) -> dict[str, str]:
        unit = self.county.unit(row["unit"]) if row["unit"] else None
        name = (unit.name if language == "zh" else unit.name_en) if unit else self._notices.word("adviser", language)
        due = audit.utc(row["due_at"]).astimezone(self.county.zone) if row["due_at"] else None
        return {
            "number": row["number"],
            "unit": name,
            "due": due.strftime("%Y-%m-%d %H:%M") if due else self._notices.word("no_limit", language),
            "note": (note or "").strip(),
        }

    def _hand_over(self, write: Connection, case_id: int, number: str) -> None:
        self._outbox(write, "handover", f"case:{case_id}", f"case:{case_id}:filed", {"number": number}, None, case_id)


#: a hash that no password fits, so that an unknown login takes as long as a wrong password
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$3g0nEwqVYNRBGjbAm0kZ7hPH5DvkqJd4YzJ1eGQvDlY"


def _figures(row: Any) -> dict[str, Any]:
    closed = int(row["closed"] or 0)
    return {
        "open": int(row["open"] or 0),
        "overdue": int(row["overdue"] or 0),
        "closed": closed,
        "in_time": f"{100 * int(row['in_time'] or 0) / closed:.0f}%" if closed else None,
        "satisfaction": f"{float(row['rating']):.1f}" if row["rating"] is not None else None,
    }
