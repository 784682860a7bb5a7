"""The registry a case points into: persons, places, things, situations, events and organisations, and their cases."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import audit
from cases.case import Case, Contact, mask_words
from cases.conversations import now_utc
from cases.county import County
from cases.errors import NotFound, Refused, Stale, need_reason
from cases.registry_form import (
    FIELDS,
    ORGANISATION,
    PERSON,
    RANGES,
    Form,
    RegistryRefused,
    consent_faults,
    fault,
    subkinds,
    terms,
)  # fmt: skip
from cases.rows import case_of
from cases.shield import Shield
from cases.store import Moment, Store, cases, metadata

PAGE = 50
MOST_CASES = 200
LARGEST_KEY = 2**63 - 1
REVEALERS = frozenset({"operator", "administrator"})
RESIDENT = "resident"
#: what an entry is to a case; `resident` is for the person whose case it is
LINK_ROLES = ("about", "at", "cause", RESIDENT)
ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

registry_entries = sa.Table(
    "registry_entries",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("code", sa.String(60), nullable=False),
    sa.Column("subkind", sa.String(40), nullable=False),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("name_en", sa.String(200)),
    sa.Column("town", sa.String(20)),
    sa.Column("village", sa.String(20)),
    sa.Column("grid", sa.String(40)),
    sa.Column("unit", sa.String(80)),
    sa.Column("longitude", sa.Float(53)),
    sa.Column("latitude", sa.Float(53)),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("source", sa.String(200)),
    sa.Column("valid_from", sa.Date),
    sa.Column("valid_to", sa.Date),
    sa.Column("sealed", sa.Text),
    sa.Column("consent", sa.Text),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("retired_at", Moment),
    sa.UniqueConstraint("kind", "code", name="uq_registry_code"),
    sa.Index("ix_registry_place", "town", "kind", "code"),
    sa.Index("ix_registry_grid", "grid"),
    sa.Index("ix_registry_point", "latitude", "longitude"),
)
case_links = sa.Table(
    "case_links",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("entry_id", sa.BigInteger, sa.ForeignKey("registry_entries.id"), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("case_id", "entry_id", name="uq_case_links"),
    sa.Index("ix_case_links_entry", "entry_id", "case_id"),
)


@dataclass(frozen=True)
class Entry:
    """One entry as it stands. Codes are the county's; longitude and latitude in degrees, both or none; a person's name
    is masked here, always; `version` grows with every change."""

    id: int
    kind: str
    code: str
    subkind: str
    name: str
    name_en: str | None
    town: str | None
    village: str | None
    grid: str | None
    unit: str | None
    longitude: float | None
    latitude: float | None
    detail: Mapping[str, str]
    source: str | None
    valid_from: date | None
    valid_to: date | None
    consent: str | None
    version: int
    updated_at: datetime
    updated_by: str
    retired_at: datetime | None

    @property
    def number(self) -> str:
        """What the audit log and a form call it: thing/LAMP-1."""
        return f"{self.kind}/{self.code}"


@dataclass(frozen=True)
class Linked:
    """An entry that a case points to. role: about, at, cause, resident."""

    entry: Entry
    role: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Organisation:
    """A unit or member of staff, from the county's own files: shown beside the registry, kept there only."""

    subkind: str
    code: str
    name: str
    name_en: str
    town: str | None
    unit: str | None


@dataclass(frozen=True)
class Near:
    """Within so many metres of a point in degrees."""

    longitude: float
    latitude: float
    metres: float = 200.0

    MOST_METRES = 5000
    EARTH = 6_371_008.8
    DEGREE = 111_195.0

    def __post_init__(self) -> None:
        """Raises RegistryRefused outside of what can be."""
        wanted = {**RANGES, "metres": (1, self.MOST_METRES)}
        found = [
            fault("out_of_range", name, value=getattr(self, name), least=least, most=most)
            for name, (least, most) in wanted.items()
            if not least <= getattr(self, name) <= most
        ]
        if found:
            raise RegistryRefused(found)

    def metres_to(self, entry: Entry) -> float | None:
        """Distance on the sphere; None where the entry has no point."""
        if entry.longitude is None or entry.latitude is None:
            return None
        here, there = math.radians(self.latitude), math.radians(entry.latitude)
        across = math.sin(math.radians(entry.longitude - self.longitude) / 2)
        half = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * across**2
        return 2 * self.EARTH * math.asin(math.sqrt(half))

    def within(self, query: Any) -> Any:
        """`query` narrowed to the circle, nearest first; flat within 5 km, which is exact enough."""
        c, reach = registry_entries.c, self.metres / self.DEGREE
        narrow = max(math.cos(math.radians(self.latitude)), 1e-6)
        north, east = c.latitude - self.latitude, (c.longitude - self.longitude) * narrow
        apart = north * north + east * east
        return query.where(
            c.latitude.between(self.latitude - reach, self.latitude + reach),
            c.longitude.between(self.longitude - reach / narrow, self.longitude + reach / narrow),
            apart <= reach * reach,
        ).order_by(apart, c.id)


class Registry:
    """The registry of one county. Raises Refused, RegistryRefused (with faults), Stale, NotFound; then nothing has
    changed. Every write is in the audit log, and every look at a person."""

    def __init__(
        self, store: Store, county: County, clock: Callable[[], datetime] = now_utc, shield: Shield | None = None
    ) -> None:
        """`clock` gives aware datetimes; `shield` seals persons (this installation's own by default)."""
        self.store, self.county, self.clock = store, county, clock
        self.form = Form(county)
        self._shield = shield

    @property
    def shield(self) -> Shield:
        """Opened at first need."""
        if self._shield is None:
            self._shield = Shield.of_this_installation()
        return self._shield

    def today(self) -> date:
        """The day in the county."""
        return self.clock().astimezone(self.county.zone).date()

    # --- writing -------------------------------------------------------------------------------------------------

    def add(self, *, by: str, **given: Any) -> Entry:
        """A new entry of any kind but persons. `given`: FIELDS, as text or values. Raises RegistryRefused."""
        values = self.form.values(given)
        if values["kind"] == PERSON:
            raise Refused("person_from_case")
        return self._insert(self.new_row(values, by), by)

    def add_person(self, case_key: int | str, *, name: str, consent: str, by: str) -> Entry:
        """The resident of a case, as they call themselves, with the contact they left there; `consent` says when and
        how they agreed to be registered. Raises Refused where they left none or are registered already."""
        found = consent_faults(consent, self.today())
        found += [] if name.strip() else [fault("missing", "name")]
        if found:
            raise RegistryRefused(found)
        with self.store.write() as write:
            case = self._need_case(write, case_key)
            contact = self.shield.open(case["contact_sealed"])
            if contact is None or case["contact_withheld"]:
                raise Refused("no_contact")
            if any(entry.retired_at is None for entry in self._persons(write, case["conversation_id"])):
                raise Refused("person_there")
            given = {"kind": PERSON, "code": self._person_code(write, case["number"]), "subkind": RESIDENT}
            values = self.form.values({**given, "name": masked_name(name)})
            row = self.person_row(values, name.strip(), contact, consent, by)
            entry_id = write.execute(registry_entries.insert().values(**row)).inserted_primary_key[0]
            self._link(write, case, entry_id, RESIDENT, by)
            entry = self._need(write, entry_id)
            self._note(write, by, "add", entry, case["number"])
            return entry

    def change(self, entry_id: int, *, version: int, by: str, **given: Any) -> Entry:
        """Changes fields (FIELDS without kind and code); those not given stay. Raises Stale, RegistryRefused."""
        if fixed := {"kind", "code"} & set(given):
            raise Refused(f"fixed_{min(fixed)}")
        with self.store.write() as write:
            entry = self._to_change(write, entry_id, version)
            if entry.kind == PERSON:
                raise Refused("person_fixed")
            values = self.form.values(fields_of(entry) | given)
            changed = [name for name in FIELDS if values[name] != getattr(entry, name)]
            if not changed:
                return entry
            row = {**values, "words": folded(values), **self._by_now(by), "version": version + 1}
            write.execute(registry_entries.update().where(registry_entries.c.id == entry_id).values(**row))
            self._note(write, by, "change", entry, ", ".join(changed))
            return self._need(write, entry_id)

    def retire(self, entry_id: int, *, version: int, by: str, reason: str) -> Entry:
        """Takes an entry out of use; its cases still point to it. What is told of a person is erased."""
        if not reason.strip():
            raise Refused("reason_missing")
        with self.store.write() as write:
            entry = self._to_change(write, entry_id, version)
            retired = without_person if entry.kind == PERSON else retirement
            row = retired(vars(entry), self.clock(), self.today(), by)
            write.execute(registry_entries.update().where(registry_entries.c.id == entry_id).values(**row))
            self._note(write, by, "retire", entry, reason.strip())
            return self._need(write, entry_id)

    # --- looking -------------------------------------------------------------------------------------------------

    def entry(self, entry_id: int) -> Entry:
        """By id. Raises NotFound."""
        with self.store.read() as read:
            return entry_of(self._row(read, entry_id, lock=False))

    def look(self, entry_id: int, *, by: str) -> Entry:
        """Like `entry`, for a member of staff; that they looked at a person is in the audit log."""
        entry = self.entry(entry_id)
        if entry.kind == PERSON:
            with self.store.write() as write:
                self._note(write, by, "look", entry)
        return entry

    def by_code(self, told: str) -> Entry:
        """By code, or by kind/code where one code stands in several kinds. Raises NotFound, Refused."""
        kind, slash, code = told.strip().rpartition("/")
        query = sa.select(registry_entries).where(registry_entries.c.code == code)
        query = query.where(registry_entries.c.kind == kind) if slash else query
        with self.store.read() as read:
            found = [entry_of(row) for row in read.execute(query).mappings()]
        if len(found) > 1:
            raise Refused("code_of_several")
        if not found:
            raise NotFound(told)
        return found[0]

    def find(
        self,
        *,
        words: str = "",
        kind: str | None = None,
        subkind: str | None = None,
        town: str | None = None,
        village: str | None = None,
        grid: str | None = None,
        near: Near | None = None,
        unit: str | None = None,
        persons: bool = True,
        retired: bool = False,
        page: int = 1,
    ) -> list[Entry]:
        """50 a page, by kind and code, or nearest first. Every word must stand in name, code, subkind or detail.

        `unit`: only what this unit may see (its own town's, or kept by it, and no person).
        """
        c = registry_entries.c
        wanted = {"kind": kind, "subkind": subkind, "town": town, "village": village, "grid": grid}
        query = sa.select(registry_entries).where(*(c[name] == code for name, code in wanted.items() if code))
        query = query.where(*(c.words.contains(word, autoescape=True) for word in words.casefold().split()))
        if unit is not None:
            query = query.where(self._seen_by(unit))
        if not persons:
            query = query.where(c.kind != PERSON)
        if not retired:
            query = query.where(c.retired_at.is_(None))
        query = near.within(query) if near else query.order_by(c.kind, c.code)
        with self.store.read() as read:
            rows = read.execute(query.limit(PAGE).offset((page - 1) * PAGE)).mappings()
            return [entry_of(row) for row in rows]

    def sees(self, unit: str, entry: Entry) -> bool:
        """Whether a unit may see an entry: in its own town, or kept by it; never a person."""
        return entry.kind != PERSON and (entry.unit == unit or (entry.town or "") in self._own_towns(unit))

    def of_county(self, words: str = "", town: str | None = None) -> list[Organisation]:
        """Units and staff from the county's files; every word must stand in a name or code."""
        found = [Organisation("unit", u.code, u.name, u.name_en, u.town_code, None) for u in self.county.units]
        towns = {u.code: u.town_code for u in self.county.units}
        found += [
            Organisation("staff", m.login, m.name, m.name, towns.get(m.unit or ""), m.unit) for m in self.county.staff
        ]
        told = words.casefold().split()
        return [
            one
            for one in found
            if (not town or one.town == town)
            and all(word in f"{one.code} {one.name} {one.name_en}".casefold() for word in told)
        ]

    def reveal(self, entry_id: int, *, by: str, role: str, reason: str) -> tuple[str, Contact]:
        """A person's name and contact in full, with a reason, which is logged. Raises Refused."""
        need_reason(reason)
        if role not in REVEALERS:
            raise Refused("not_allowed")
        with self.store.write() as write:
            row = self._row(write, entry_id)
            if row["kind"] != PERSON or row["sealed"] is None:
                raise Refused("nothing_sealed")
            self._note(write, by, "reveal", entry_of(row), reason.strip())
            told = json.loads(self.shield.open(row["sealed"]) or "{}")
            return told["name"], Contact(told["contact"])

    # --- cases ---------------------------------------------------------------------------------------------------

    def link(self, case_key: int | str, entry_id: int, *, by: str, role: str = "about") -> Linked:
        """Points a case at an entry; doing it again changes nothing. A person may be linked only to cases they filed
        themselves. Raises Refused, NotFound."""
        with self.store.write() as write:
            case, entry = self._need_case(write, case_key), self._need(write, entry_id)
            if linked := self._links(write, case["id"], entry_id):
                return linked[0]
            if entry.retired_at is not None:
                raise Refused("entry_retired")
            if role not in LINK_ROLES or (role == RESIDENT) != (entry.kind == PERSON):
                raise Refused("link_role")
            if entry.kind == PERSON and case["conversation_id"] not in self._conversations(write, entry_id):
                raise Refused("not_their_case")
            self._link(write, case, entry_id, role, by)
            self._note(write, by, "link", entry, case["number"])
            return self._links(write, case["id"], entry_id)[0]

    def unlink(self, case_key: int | str, entry_id: int, *, by: str) -> None:
        """Takes a link away; a person's stays, so that they can be found when they want to be erased."""
        with self.store.write() as write:
            case, entry = self._need_case(write, case_key), self._need(write, entry_id)
            if entry.kind == PERSON:
                raise Refused("person_stays")
            here = (case_links.c.case_id == case["id"], case_links.c.entry_id == entry_id)
            if write.execute(case_links.delete().where(*here)).rowcount:
                self._note(write, by, "unlink", entry, case["number"])

    def entries_of(self, case_id: int) -> list[Linked]:
        """What a case points to, in the order it was linked."""
        with self.store.read() as read:
            return self._links(read, case_id)

    def cases_of(self, entry_id: int) -> list[Case]:
        """The cases of an entry, newest first, 200 at most."""
        query = sa.select(cases).join(case_links, case_links.c.case_id == cases.c.id)
        query = query.where(case_links.c.entry_id == entry_id).order_by(cases.c.id.desc()).limit(MOST_CASES)
        with self.store.read() as read:
            return [case_of(row) for row in read.execute(query).mappings()]

    def case_counts(self, entry_ids: Collection[int]) -> dict[int, int]:
        """How many cases point to each of these entries; those with none are left out."""
        query = sa.select(case_links.c.entry_id, sa.func.count()).where(case_links.c.entry_id.in_(entry_ids))
        with self.store.read() as read:
            return {entry: int(count) for entry, count in read.execute(query.group_by(case_links.c.entry_id))}

    def persons_of(self, conversation_id: str) -> list[Entry]:
        """The entries made from the cases of one resident: what has to be retired when they want to be erased."""
        with self.store.read() as read:
            return self._persons(read, conversation_id)

    # --- rows ----------------------------------------------------------------------------------------------------

    def new_row(self, values: Mapping[str, Any], by: str) -> dict[str, Any]:
        """The columns of a new entry from checked values."""
        return {**values, "words": folded(values), **self._by_now(by), "version": 1, "sealed": None, "consent": None}

    def person_row(
        self, values: Mapping[str, Any], name: str, contact: str | None, consent: str, by: str
    ) -> dict[str, Any]:
        """The columns of a new person: name and contact sealed, what is seen of them masked."""
        sealed = self.shield.seal(json.dumps({"name": name, "contact": contact}, ensure_ascii=False))
        row = self.new_row({**values, "name": masked_name(name)}, by)
        return {**row, "sealed": sealed, "consent": mask_words(consent.strip())}

    def _insert(self, row: Mapping[str, Any], by: str) -> Entry:
        with self.store.write() as write:
            try:
                entry_id = write.execute(registry_entries.insert().values(**row)).inserted_primary_key[0]
            except sa.exc.IntegrityError:
                raise RegistryRefused([fault("code_taken", "code")]) from None
            entry = self._need(write, entry_id)
            self._note(write, by, "add", entry)
            return entry

    def _by_now(self, by: str) -> dict[str, Any]:
        return {"updated_at": self.clock(), "updated_by": by}

    def _note(self, write: Connection, by: str, what: str, entry: Entry, reason: str | None = None) -> None:
        audit.note(write, self.clock(), by, f"registry_{what}", entry.number, reason)

    def _row(self, connection: Connection, entry_id: int, lock: bool = True) -> Any:
        query = sa.select(registry_entries).where(registry_entries.c.id == entry_id)
        query = self.store.lock_row(query) if lock else query
        row = connection.execute(query).mappings().first() if 0 < entry_id <= LARGEST_KEY else None
        if row is None:
            raise NotFound(str(entry_id))
        return row

    def _need(self, connection: Connection, entry_id: int) -> Entry:
        return entry_of(self._row(connection, entry_id))

    def _to_change(self, write: Connection, entry_id: int, version: int) -> Entry:
        entry = self._need(write, entry_id)
        if entry.version != version:
            raise Stale(entry)
        if entry.retired_at is not None:
            raise Refused("entry_retired")
        return entry

    def _need_case(self, write: Connection, key: int | str) -> Any:
        found = cases.c.id == key if isinstance(key, int) else cases.c.number == key
        row = write.execute(self.store.lock_row(sa.select(cases).where(found))).mappings().first()
        if row is None:
            raise NotFound(str(key))
        return row

    def _link(self, write: Connection, case: Any, entry_id: int, role: str, by: str) -> None:
        row = {"case_id": case["id"], "entry_id": entry_id, "role": role, "by": by, "at": self.clock()}
        write.execute(case_links.insert().values(**row))

    @staticmethod
    def _links(connection: Connection, case_id: int, entry_id: int | None = None) -> list[Linked]:
        link = [case_links.c[name].label(f"link_{name}") for name in ("role", "by", "at")]
        query = sa.select(registry_entries, *link).join(case_links, case_links.c.entry_id == registry_entries.c.id)
        query = query.where(case_links.c.case_id == case_id).order_by(case_links.c.id)
        if entry_id is not None:
            query = query.where(case_links.c.entry_id == entry_id)
        rows = connection.execute(query).mappings()
        return [Linked(entry_of(row), row["link_role"], row["link_by"], row["link_at"]) for row in rows]

    @staticmethod
    def _of_resident() -> Any:
        """Persons beside the cases they were made from."""
        own = sa.and_(case_links.c.entry_id == registry_entries.c.id, case_links.c.role == RESIDENT)
        return registry_entries.join(case_links, own).join(cases, cases.c.id == case_links.c.case_id)

    def _persons(self, connection: Connection, conversation_id: str) -> list[Entry]:
        ids = sa.select(registry_entries.c.id).select_from(self._of_resident())
        ids = ids.where(cases.c.conversation_id == conversation_id)
        query = sa.select(registry_entries).where(registry_entries.c.id.in_(ids)).order_by(registry_entries.c.id)
        return [entry_of(row) for row in connection.execute(query).mappings()]

    def _conversations(self, connection: Connection, entry_id: int) -> set[str]:
        query = sa.select(cases.c.conversation_id).select_from(self._of_resident())
        return set(connection.execute(query.where(registry_entries.c.id == entry_id)).scalars())

    @staticmethod
    def _person_code(write: Connection, number: str) -> str:
        """R-<case>, and with a count where the resident was registered from this case, and retired, before."""
        c, code = registry_entries.c, f"R-{number}"
        query = sa.select(sa.func.count()).where(c.kind == PERSON, c.code.startswith(code, autoescape=True))
        before = write.execute(query).scalar_one()
        return f"{code}-{before + 1}" if before else code

    def _own_towns(self, unit: str) -> set[str]:
        return {u.town_code for u in self.county.units if u.code == unit and u.town_code}

    def _seen_by(self, unit: str) -> Any:
        c = registry_entries.c
        return sa.and_(c.kind != PERSON, sa.or_(c.unit == unit, c.town.in_(self._own_towns(unit))))


def entry_of(row: Mapping[str, Any]) -> Entry:
    """An entry from its row; what is sealed stays behind."""
    values = {f.name: row[f.name] for f in fields(Entry)}
    return Entry(**{**values, "detail": dict(row["detail"] or {})})


def retirement(row: Mapping[str, Any], at: datetime, today: date, by: str) -> dict[str, Any]:
    """The new values of an entry that goes out of use."""
    valid_to = row["valid_to"] or max(today, row["valid_from"] or today)
    return {"retired_at": at, "updated_at": at, "updated_by": by, "valid_to": valid_to, "version": row["version"] + 1}


def without_person(row: Mapping[str, Any], at: datetime, today: date, by: str) -> dict[str, Any]:
    """The new values of a person who goes out of use: nothing that was told of them stays."""
    gone = ("sealed", "name_en", "consent", "source", "village", "grid", "unit", "longitude", "latitude")
    emptied = {"name": "*", "detail": {}, "words": row["code"].casefold()}
    return {**retirement(row, at, today, by), **dict.fromkeys(gone), **emptied}


def fields_of(entry: Entry) -> dict[str, Any]:
    """What staff wrote of an entry, by FIELDS."""
    return {name: getattr(entry, name) for name in FIELDS}


def folded(values: Mapping[str, Any]) -> str:
    """What an entry is found by: names, code, subkind in both languages, further fields; small letters."""
    named = subkinds(values["kind"]).get(values["subkind"], {})
    told: Iterable[str | None] = (
        values["code"], values["name"], values["name_en"], *named.values(), *values["detail"].values(),
    )  # fmt: skip
    return " ".join(filter(None, told)).casefold()


def masked_name(name: str) -> str:
    """王**: the first sign of a name."""
    return name.strip()[:1] + "**"


def kind_names(language: str) -> dict[str, str]:
    """Kinds of entries with their names, in order."""
    return {code: str(name["zh" if language == "zh" else "en"]) for code, name in terms()["kinds"].items()}


def subkind_name(kind: str, subkind: str, language: str) -> str:
    """The name of a subkind; one that is no longer listed is shown by its code."""
    known = subkinds(kind) | (terms()["county"] if kind == ORGANISATION else {})
    return str(known.get(subkind, {}).get("zh" if language == "zh" else "en", subkind))
