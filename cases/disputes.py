"""Keeps what a consultation tells of a dispute beside the case: codes and figures in the open, names sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    conflicts.note(write, case_id, matter, shield, county)
    if matter.facts is None:
        return
    opponents = list(matter.facts.get("opponents", ()))
    persons = {name: matter.facts.get(name) for name in PERSONS} | {"names": [o.get("name") for o in opponents]}
    hidden = [{**o, "name": mask_name(o.get("name"))} for o in opponents]
    kept = {k: v for k, v in matter.facts.items() if k not in PERSONS} | {"opponents": hidden}
    sealed = shield.seal(json.dumps(persons, ensure_ascii=False))
    write.execute(disputes.insert().values(case_id=case_id, facts=kept, persons_sealed=sealed))


def facts_of(read: Connection, case_id: int, shield: Shield | None = None) -> dict[str, Any] | None:
    """The facts of a consultation as JSON, names masked; with the `shield`, in full. None where none were kept.

    Raises PermissionError when the key is another one.
    """
    row = read.execute(sa.select(disputes).where(disputes.c.case_id == case_id)).mappings().first()
    if row is None:
        return None
    facts: dict[str, Any] = {**row["facts"], "phones": [], "own_name": None}
    opened = shield.open(row["persons_sealed"]) if shield else None
    if opened is None:
        return facts
    persons: Mapping[str, Any] = json.loads(opened)
    named = zip(facts["opponents"], persons["names"], strict=True)
    return facts | {
        "opponents": [{**party, "name": name} for party, name in named],
        "phones": [mask(phone) for phone in persons["phones"] or ()],
        "own_name": persons["own_name"],
    }


def forget(write: Connection, case_id: int) -> dict[str, int]:
    """Takes away everything that is kept of a dispute; its parties no longer count in the check for conflicts.

    Returns how many rows went, by table.
    """
    tables = (disputes, conflicts.parties)
    return {t.name: write.execute(t.delete().where(t.c.case_id == case_id)).rowcount for t in tables}


def mask_name(name: str | None) -> str | None:
    """A name of which only the first sign is left."""
    return name and name[0] + "**"
