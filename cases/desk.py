"""The desk, the only place that changes a case or a conversation: fetch, refuse, change, commit in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.engine import Connection

from cases import audit, conflicts, disputes, limits
from cases.case import AuditEntry, Case, Contact, Event, Look, Matter, Message
from cases.conversations import now_utc
from cases.county import County, StaffMember
from cases.effects import Given, Scene, changes, for_adviser, pressing
from cases.errors import NotFound, Refused, Stale, need_reason
from cases.lifecycle import LOW, MOVES
from cases.moving import TOLD, Moving
from cases.queues import PAGE, Queues
from cases.rows import case_of, contact_of, corrected, event_of, kept_matter, kept_place, kept_words
from cases.searching import Scope
from cases.shield import Shield
from cases.store import Store, cases, events, followers, staff, supporters

__all__ = ["Desk", "NotFound", "Refused", "Stale"]

#: entries of the log that a look at it holds against each other; all of them take `minhu audit verify`
AUDITED = 5000
PLACE = ("town", "village", "grid", "place_said")
AMENDABLE = frozenset({"category", "domain", "since", "since_said", *PLACE})
#: statements of every filing: to build one takes longer than to run it
FILED = sa.select(cases).where(cases.c.filing_key == sa.bindparam("key"))
CASE = cases.insert()
STAFF_REVEALS = frozenset({"operator", "administrator", "unit", "adviser"})


class Desk(Moving):
    """Conversations and cases of one county. Raises Refused, Stale, NotFound; then nothing has changed."""

    def __init__(
        self, store: Store, county: County, clock: Callable[[], datetime] = now_utc, shield: Shield | None = None
    ) -> None:
        """`clock` gives aware datetimes; `shield` seals contacts (this installation's own by default)."""
        super().__init__(store, county, clock, shield)
        self._hasher = PasswordHasher()
        self._queues = Queues(store)

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
            due = {"due_at": row["due_at"].isoformat()}
            self._event(write, case_id, "file", None, "reported", matter.conversation_id, "resident", None, now, due)
            if conversation["language"] != matter.language:
                self._update_conversation(write, matter.conversation_id, language=matter.language)
            self._hand_over(write, case_id, row["number"])
            disputes.note(write, case_id, matter, self.shield, self.county)
            if matter.emergency or matter.kind == "consultation":
                self._send_at_once(write, case_id)
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
            cases.c.open.is_(True),
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
        """What this role has to look at, 50 a page; see Queues.page."""
        scope = Scope(unit or "" if role == "unit" else None, adviser or "" if role == "adviser" else None)
        return self._queues.page(scope, status, search, page)

    def support(self, case_id: int) -> tuple[str, ...]:
        """Codes of the units that help with the case."""
        with self.store.read() as read:
            query = sa.select(supporters.c.unit).where(supporters.c.case_id == case_id).order_by(supporters.c.unit)
            return tuple(read.execute(query).scalars())

    def timeline(self, case_id: int) -> list[Event]:
        """What happened, in order."""
        with self.store.read() as read:
            rows = read.execute(sa.select(events).where(events.c.case_id == case_id).order_by(events.c.seq)).mappings()
            return [event_of(row) for row in rows]

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
            fields = corrected(fields)
            changed = {k: [row[k], v] for k, v in fields.items() if row[k] != v}
            if not changed:
                return case_of(row)
            values = {k: v for k, v in fields.items() if k in changed}
            if "place_said" in values and "*" not in (values["place_said"] or ""):
                values["place_sealed"] = None
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

    def add_words(
        self,
        case_id: int,
        conversation_id: str,
        ref: str,
        words: str,
        place: Mapping[str, str | None] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Case:
        """Adds words to the case, verbatim, and a `place` (town, village, grid, place_said) where it has none yet.

        `facts`: what the words tell of a dispute, which a consultation takes in. The words of a follower become an
        event, not words of the resident who filed it. Raises Refused.
        """
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if self._done_before(write, row["id"], "add", ref):
                return case_of(row)
            if row["conversation_id"] != conversation_id:
                return self._by_resident(write, row, "add", ref, words, actor=conversation_id)
            found = {} if row["town"] else {name: place[name] for name in PLACE if place and place.get(name)}
            told = kept_words(row, words, self.shield) | kept_place(found, self.shield)
            if facts and row["kind"] == "consultation":
                free = row["adviser"] not in conflicts.barred(write, row["id"])
                disputes.add(write, row["id"], facts, self.shield, self.county)
                if free and row["adviser"] in conflicts.barred(write, row["id"]):
                    self._conflict(write, row)
            return self._by_resident(write, row, "add", ref, words, **told)

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
            return self._by_resident(write, row, "withdraw", ref, reason)

    def rate(self, case_id: int, conversation_id: str, ref: str, score: int, words: str | None = None) -> Case:
        """Stores the resident's rating, 1 to 5, of a closed case. Raises Refused."""
        if not 1 <= score <= 5:
            raise Refused("no_score")
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if any(self._done_before(write, row["id"], move, ref) for move in ("rate", "dissatisfied")):
                return case_of(row)
            if row["conversation_id"] != conversation_id:
                return self._rate_as_follower(write, row, conversation_id, ref, score, words)
            shown, sealed = self.shield.keep(words)
            again = score <= LOW and MOVES["dissatisfied"] in self._allowed(row, "resident")
            move = "dissatisfied" if again else "rate"
            told = {"rating_words": shown, "rating_words_sealed": sealed}
            return self._by_resident(write, row, move, ref, words, rating=score, **told)

    def reopen(self, case_id: int, conversation_id: str, ref: str, words: str) -> Case:
        """What was closed is not solved: the command centre has it again. Raises Refused after the window."""
        with self.store.write() as write:
            row = self._own_case(write, case_id, conversation_id)
            if self._done_before(write, row["id"], "reopen", ref):
                return case_of(row)
            return self._by_resident(write, row, "reopen", ref, words, actor=conversation_id)

    # --- persons -------------------------------------------------------------------------------------------------

    def may_reveal(self, case: Case, role: str) -> bool:
        """Whether this role may see the contact with a reason: a unit if the resident agreed, or in danger."""
        return role in STAFF_REVEALS and (
            role != "unit" or "contact_agreed" in case.signals or case.emergency is not None
        )

    def reveal(self, case_id: int, *, actor: str, role: str, reason: str) -> Contact:
        """Contact, words and place in full, for those whose step needs them and with a reason, which is logged.

        A unit sees them if the resident agreed, or if somebody is in danger. Raises Refused.
        """
        need_reason(reason)
        if role not in STAFF_REVEALS:
            raise Refused("not_allowed")
        with self.store.write() as write:
            row = self._need_case(write, case_id)
            if not self.may_reveal(case_of(row), role):
                raise Refused("not_agreed")
            audit.note(write, self.clock(), actor, "reveal", row["number"], reason.strip())
            return contact_of(row, self.shield)

    def reveal_transcript(self, conversation_id: str, *, actor: str, role: str, reason: str) -> list[Message]:
        """What was said in a conversation, in full, for the desk and with a reason, which is logged. Raises Refused."""
        need_reason(reason)
        if role not in ("operator", "administrator"):
            raise Refused("not_allowed")
        with self.store.write() as write:
            self._need_conversation(write, conversation_id)
            audit.note(write, self.clock(), actor, "reveal", conversation_id, reason.strip())
        return self.transcript(conversation_id, own=True)

    def who_looked(self, conversation_id: str, case_id: int) -> list[Look]:
        """Who of the staff saw the case of this resident, oldest first. Raises NotFound if it is not theirs.

        Roles, not names, unless the county tells them; reasons only to the resident who filed it.
        """
        with self.store.read() as read:
            row = self._own_case(read, case_id, conversation_id)
            seen = audit.about(read, row["number"], ("look", "reveal"))
        filed = row["conversation_id"] == conversation_id
        members = {member.login: member for member in self.county.members}
        return [self._look(entry, members.get(entry.actor), filed) for entry in seen]

    def audit_trail(self, limit: int = 200) -> tuple[list[AuditEntry], audit.Chain]:
        """The newest entries, and how the chain of the newest 5,000 stands."""
        with self.store.read() as read:
            return audit.latest(read, limit), audit.check(read, newest=AUDITED)

    # --- staff ---------------------------------------------------------------------------------------------------

    def enrol(self, password: str) -> None:
        """Gives every member of staff without a password this one (the installation's first)."""
        with self.store.write() as write:
            known = set(write.execute(sa.select(staff.c.login)).scalars())
            fresh = [member.login for member in self.county.members if member.login not in known]
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
        found = next((m for m in self.county.members if m.login == login), None)
        with self.store.write() as write:
            audit.note(write, self.clock(), login, "sign_in", login)
        return found

    def staffed(self, now: datetime | None = None) -> bool:
        """Whether somebody works at the desk."""
        return limits.staffed(self.county, now or self.clock())

    # --- figures -------------------------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """See Queues.figures."""
        return self._queues.figures(self.clock())

    # --- inside --------------------------------------------------------------------------------------------------

    def _cases(self, query: Any) -> list[Case]:
        with self.store.read() as read:
            return [case_of(row) for row in read.execute(query).mappings()]

    def _look(self, entry: AuditEntry, member: StaffMember | None, filed: bool) -> Look:
        role = member.role if member else entry.reason if entry.action == "look" else None
        reason = entry.reason if filed and entry.action == "reveal" else None
        named = member.name if member and self.county.tells_staff_names else None
        return Look(entry.at, role, entry.action, reason, named)

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
        self._update_case(write, row)
        self._event(
            write, row["id"], "rate", row["status"], row["status"], conversation_id, "resident", words, self.clock(),
            {"rating": score}, ref=ref,
        )  # fmt: skip
        return self._case_by_id(write, row["id"])

    def _new_case(self, matter: Matter, key: str, number: str, now: datetime) -> dict[str, Any]:
        row: dict[str, Any] = {
            "number": number, "filing_key": key, "version": 1, "status": "reported", "kind": matter.kind,
            "conversation_id": matter.conversation_id, "category": matter.category,
            "domain": matter.domain, "town": matter.town, "village": matter.village, "grid": matter.grid,
            "since": matter.since, **kept_matter(matter, self.shield),
            "contact_withheld": matter.contact_withheld, "language": matter.language, "emergency": matter.emergency,
            "signals": list(matter.signals), "legal_topic": matter.legal_topic,
            "citations": list(matter.citations), "created_at": now,
            "due_at": limits.desk_due(self.county, now), "open": True, "supervised_at": None,
        }  # fmt: skip
        return {**row, "pressing": pressing(row)}

    def _send_at_once(self, write: Connection, case_id: int) -> None:
        """An emergency goes to the duty desk and a consultation to its adviser, with no desk in between.

        Where nobody may advise, the desk has it; that the adviser of the place was passed over is an event.
        """
        row, choice = self._need_case(write, case_id), conflicts.Choice(None)
        if for_adviser(row, Given()):
            choice = conflicts.choose(write, self.county, row)
            if choice.adviser is None:
                if choice.passed:
                    self._conflict(write, row)
                return
        row = self._by_system(write, row, "register")
        if choice.passed:
            self._conflict(write, row)
        self._by_system(write, row, "dispatch", choice.adviser)

    def _by_system(self, write: Connection, row: Any, move: str, adviser: str | None = None) -> Any:
        """One move that nobody has to be told of by a notice: the bot says it. Returns the row after it."""
        change = changes(move, Scene(self.county, row, Given(), self.clock(), adviser))
        detail = {k: v for k, v in change.items() if k in TOLD}
        self._apply(write, row, replace(MOVES[move], notice=None), change, "system", "system", None, detail)
        return self._need_case(write, row["id"])

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
        try:
            found = self._found(row, move, "resident")
        except Refused:
            raise Refused(f"{move}_not_now") from None
        values = self._changes(write, row, found, Given(note=note)) | change
        detail = {k: v for k, v in values.items() if k in TOLD}
        self._apply(write, row, found, values, actor or row["conversation_id"], "resident", note, detail, ref)
        return self._case_by_id(write, row["id"])

    def _done_before(self, write: Connection, case_id: int, move: str, ref: str) -> bool:
        key = f"{case_id}/{move}/{ref}"
        return write.execute(sa.select(events.c.id).where(events.c.ref == key)).first() is not None


#: a hash that no password fits, so that an unknown login takes as long as a wrong password
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$3g0nEwqVYNRBGjbAm0kZ7hPH5DvkqJd4YzJ1eGQvDlY"
