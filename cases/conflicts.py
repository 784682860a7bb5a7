"""Keeps one law adviser from serving both sides of a dispute, without anybody being able to read who is in one."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
import zhconv
from sqlalchemy.engine import Connection

from cases import routing
from cases.case import Case
from cases.conversations import insert_new
from cases.county import County
from cases.effects import place_of
from cases.errors import Refused
from cases.shield import Shield
from cases.store import cases, events, metadata

OWN, OTHER = "own", "other"
CONFLICT, PARTIES_UNKNOWN = "conflict", "parties_unknown"
#: moves whose events tell which adviser had a case
GIVEN = ("dispatch", "reassign")
LOCK = 7209

parties = sa.Table(
    "parties",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), primary_key=True, autoincrement=False),
    sa.Column("side", sa.String(5), primary_key=True),
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Index("ix_parties_token", "token", "side"),
)
#: the key of the tokens, sealed: it is this installation's own and outlives the keys that seal
token_keys = sa.Table(
    "token_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key_sealed", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Choice:
    """Who takes a consultation: the login of an adviser, or None where the place names nobody or nobody is free;
    `passed`: whether the adviser of the place was passed over because they serve the other side."""

    adviser: str | None
    passed: bool = False


def note(
    write: Connection, case_id: int, facts: Mapping[str, Any], contact: str | None, shield: Shield, county: County
) -> None:
    """Keeps the tokens of both sides of a consultation, in the transaction that files what tells of them."""
    key = token_key(write, shield)
    add(write, case_id, OWN, own_tokens(facts, contact, key, county))
    add(write, case_id, OTHER, other_tokens(facts, key, county))


def token_key(write: Connection, shield: Shield) -> bytes:
    """The key of the tokens, made at first need. Raises PermissionError when it was sealed with another key."""
    fresh = {"id": 1, "key_sealed": shield.seal(secrets.token_hex(32))}
    query = sa.select(token_keys.c.key_sealed)
    sealed = write.execute(query).scalar_one_or_none()
    if sealed is None:
        write.execute(insert_new(write)(token_keys).values(**fresh).on_conflict_do_nothing(index_elements=["id"]))
        sealed = write.execute(query).scalar_one()
    return (shield.open(sealed) or "").encode()


def token(key: bytes, text: str) -> str:
    """A keyed hash, 64 hexadecimal digits: the same text gives the same one, and without the key nobody can try."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def add(write: Connection, case_id: int, side: str, tokens: Iterable[str]) -> None:
    """Adds tokens to one side of a case; those that stand there already, or on its other side, are left out: who is on
    both sides of one case was read wrongly."""
    known = set(write.execute(sa.select(parties.c.token).where(parties.c.case_id == case_id)).scalars())
    fresh = [token for token in dict.fromkeys(tokens) if token not in known]
    if fresh:
        write.execute(parties.insert(), [{"case_id": case_id, "side": side, "token": token} for token in fresh])


def own_tokens(facts: Mapping[str, Any], contact: str | None, key: bytes, county: County) -> list[str]:
    """Of the resident: the phone they left and the name they gave themselves. A number that the words call the other
    side's is not the resident's, even where it was taken for their contact."""
    mine = None if normal_phone(contact) in _phones(facts) else contact
    return _tokens([normal_phone(mine), normal_name(facts.get("own_name"), county)], key)


def other_tokens(facts: Mapping[str, Any], key: bytes, county: County) -> list[str]:
    """Of the other side: every whole name and every number that the words call theirs."""
    names = [normal_name(o.get("name"), county) for o in facts.get("opponents", ()) if o.get("whole")]
    return _tokens([*_phones(facts), *names], key)


def barred(read: Connection, case_id: int) -> frozenset[str]:
    """Logins of the advisers who have, or ever had, a consultation on the opposite side of this one."""
    mine, theirs = parties.alias("mine"), parties.alias("theirs")
    against = (
        sa.select(theirs.c.case_id)
        .join(mine, sa.and_(mine.c.token == theirs.c.token, mine.c.side != theirs.c.side))
        .where(mine.c.case_id == case_id, theirs.c.case_id != case_id)
    )
    held = sa.select(cases.c.adviser).where(cases.c.id.in_(against), cases.c.adviser.is_not(None))
    had = sa.select(events.c.detail).where(events.c.case_id.in_(against), events.c.move.in_(GIVEN))
    logins = set(read.execute(held).scalars()) | {d.get("adviser") for d in read.execute(had).scalars() if d}
    return frozenset(login for login in logins if login)


def conflicted(read: Connection, adviser: str, tokens: Mapping[str, Iterable[str]]) -> bool:
    """Whether `adviser` has, or had, a consultation where a token of one side ({own: …, other: …}) is on the other."""
    opposite = {OWN: OTHER, OTHER: OWN}
    there = [
        sa.and_(parties.c.side == opposite[side], parties.c.token.in_(list(held))) for side, held in tokens.items()
    ]
    against = sa.select(parties.c.case_id).where(sa.or_(sa.false(), *there))
    held = sa.select(cases.c.id).where(cases.c.id.in_(against), cases.c.adviser == adviser)
    had = sa.select(events.c.detail).where(events.c.case_id.in_(against), events.c.move.in_(GIVEN))
    return read.execute(held).first() is not None or any(
        (detail or {}).get("adviser") == adviser for detail in read.execute(had).scalars()
    )


def choose(write: Connection, county: County, row: Mapping[str, Any], named: str | None = None) -> Choice:
    """The adviser of the place, or, if that one serves the other side, the nearest in the county's list who doesn't.

    `named` is an adviser chosen by staff. Raises Refused: `unknown_code` where the county has no such adviser,
    `conflict` where that one serves the other side. The look and the later write are one where tokens meet: no two
    consultations are given out at once.
    """
    _lock(write)
    order = [adviser.login for adviser in county.advisers]
    first = named or routing.adviser_for(county, place_of(row))
    if first is None:
        return Choice(None)
    if first not in order:
        raise Refused("unknown_code")
    closed = barred(write, row["id"])
    if first not in closed:
        return Choice(first)
    if named:
        raise Refused(CONFLICT)
    at = order.index(first)
    near = sorted(order, key=lambda login: (abs(order.index(login) - at), order.index(login)))
    return Choice(next((login for login in near if login not in closed), None), passed=True)


def doubts(read: Connection, county: County, case: Case) -> list[str]:
    """Codes of what somebody must look at before anybody advises: `conflict` (the adviser of the place, or the one who
    has it, serves the other side), `parties_unknown` (one side has nothing to compare: ask for names)."""
    if case.kind != "consultation":
        return []
    sides = set(read.execute(sa.select(parties.c.side).where(parties.c.case_id == case.id)).scalars())
    adviser = case.adviser or routing.adviser_for(county, place_of(vars(case)))
    found = [CONFLICT] if adviser in barred(read, case.id) else []
    return [*found, *([PARTIES_UNKNOWN] if sides != {OWN, OTHER} else [])]


# --- what makes two names the same ---------------------------------------------------------------------------------


def normal_phone(phone: str | None) -> str | None:
    """Digits without the country's code; None for what is too short to tell anybody."""
    digits = re.sub(r"\D", "", phone or "")
    digits = re.sub(r"^(?:00)?86(?=1\d{10}$)", "", digits)
    return digits.lstrip("0") if len(digits) >= _SHORTEST_PHONE else None


def normal_name(name: str | None, county: County) -> str | None:
    """A name as it is compared: simplified, without spaces, signs and case; a firm's without its place and legal form.
    None for nothing and for a single sign."""
    plain = zhconv.convert(unicodedata.normalize("NFKC", name or ""), "zh-cn").lower()
    plain = re.sub(r"[\W_]", "", plain)
    known = _forms()
    place = county.name["zh"]
    bare = known["ends"].sub("", plain)
    for prefix in (known["before"], re.compile(f"^(?:{re.escape(place)}|{re.escape(place[:-1])})")):
        bare = prefix.sub("", bare) if bare != plain or known["firm"].search(plain) else bare
    kept = bare if len(bare) > 1 else plain
    return kept if len(kept) > 1 else None


_SHORTEST_PHONE = 7


@lru_cache(maxsize=1)
def _forms() -> dict[str, re.Pattern[str]]:
    read = yaml.safe_load(Path(__file__).with_name("conflicts.yml").read_text(encoding="utf-8"))
    return {name: re.compile(pattern) for name, pattern in read.items()}


def _phones(facts: Mapping[str, Any]) -> list[str]:
    return [digits for phone in facts.get("phones", ()) if (digits := normal_phone(phone))]


def _tokens(names: Iterable[str | None], key: bytes) -> list[str]:
    return [token(key, name) for name in names if name]


def _lock(write: Connection) -> None:
    """One giving out at a time (on SQLite the transaction itself is the lock)."""
    if write.dialect.name == "postgresql":
        write.execute(sa.text(f"select pg_advisory_xact_lock({LOCK})"))
