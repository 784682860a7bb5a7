"""Keeps what a consultation tells of a dispute beside the case: codes and figures in the open, names sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import conflicts
from cases.case import Matter, mask
from cases.county import County
from cases.shield import Shield
from cases.store import metadata

disputes = sa.Table(
    "disputes",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), primary_key=True, autoincrement=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("persons_sealed", sa.Text),
)
#: what tells a person; everything else is a code, a figure or a date
PERSONS = ("phones", "own_name")


def note(write: Connection, case_id: int, matter: Matter, shield: Shield, county: County) -> None:
    """Keeps the facts of a consultation and the tokens of its parties, in the transaction that files it."""
    if matter.kind != "consultation":
        return
    conflicts.note(write, case_id, matter.facts or {}, matter.contact, shield, county)
    if matter.facts is not None:
        write.execute(disputes.insert().values(case_id=case_id, **_hidden(matter.facts, shield)))


def add(write: Connection, case_id: int, more: Mapping[str, Any], shield: Shield, county: County) -> None:
    """What later words tell joins the facts of a consultation, and whom they name the check for conflicts.

    Where the facts were sealed with a key that is lost they stay as they are.
    """
    conflicts.note(write, case_id, more, None, shield, county)
    row = write.execute(sa.select(disputes).where(disputes.c.case_id == case_id)).mappings().first()
    try:
        known = _in_full(row, shield) if row else {}
    except PermissionError:
        return
    changed = _hidden(_joined(known, more), shield)
    statement = disputes.update().where(disputes.c.case_id == case_id) if row else disputes.insert()
    write.execute(statement.values(case_id=case_id, **changed))


def facts_of(read: Connection, case_id: int, shield: Shield | None = None) -> dict[str, Any] | None:
    """The facts of a consultation as JSON, names masked; with the `shield`, in full. None where none were kept.

    Raises PermissionError when the key is another one.
    """
    row = read.execute(sa.select(disputes).where(disputes.c.case_id == case_id)).mappings().first()
    if row is None:
        return None
    if shield is None:
        return {**row["facts"], "phones": [], "own_name": None}
    facts = _in_full(row, shield)
    return facts | {"phones": [mask(phone) for phone in facts["phones"]]}


def _hidden(facts: Mapping[str, Any], shield: Shield) -> dict[str, Any]:
    """Facts as the columns that keep them."""
    opponents = list(facts.get("opponents", ()))
    persons = {name: facts.get(name) for name in PERSONS} | {"names": [o.get("name") for o in opponents]}
    hidden = [{**o, "name": mask_name(o.get("name"))} for o in opponents]
    kept = {k: v for k, v in facts.items() if k not in PERSONS} | {"opponents": hidden}
    return {"facts": kept, "persons_sealed": shield.seal(json.dumps(persons, ensure_ascii=False))}


def _in_full(row: Mapping[str, Any], shield: Shield) -> dict[str, Any]:
    """The facts that the columns keep. Raises PermissionError when the key is another one."""
    facts: dict[str, Any] = {**row["facts"], "phones": [], "own_name": None}
    opened = shield.open(row["persons_sealed"])
    if opened is None:
        return facts
    persons: Mapping[str, Any] = json.loads(opened)
    named = zip(facts["opponents"], persons["names"], strict=True)
    return facts | {
        "opponents": [{**party, "name": name} for party, name in named],
        "phones": list(persons["phones"] or ()),
        "own_name": persons["own_name"],
    }


def _joined(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Lists one behind the other, each thing once; a name takes the place of a party of the same role without one."""
    joined = {name: _once([*known.get(name, ()), *more.get(name, ())]) for name in {*known, *more} - {"own_name"}}
    named = {party["role"] for party in joined.get("opponents", ()) if party.get("name")}
    joined["opponents"] = [p for p in joined.get("opponents", ()) if p.get("name") or p["role"] not in named]
    return {**joined, "own_name": known.get("own_name") or more.get("own_name")}


def _once(things: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for thing in things:
        if thing not in kept:
            kept.append(thing)
    return kept


def forget(write: Connection, case_id: int) -> dict[str, int]:
    """Takes away everything that is kept of a dispute; its parties no longer count in the check for conflicts.

    Returns how many rows went, by table.
    """
    tables = (disputes, conflicts.parties)
    return {t.name: write.execute(t.delete().where(t.c.case_id == case_id)).rowcount for t in tables}


def mask_name(name: str | None) -> str | None:
    """A name of which only the first sign is left."""
    return name and name[0] + "**"
