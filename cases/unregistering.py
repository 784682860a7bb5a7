"""Takes residents, and where they are, out of the registry: what erasing and retention do there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases.persons import GONE
from cases.registry import PERSON, RESIDENT, case_links, registry_entries, without_person
from cases.store import cases


def persons_of(read: Connection, case_ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """The persons in use that were made from these cases, in order."""
    made = sa.select(case_links.c.entry_id).where(case_links.c.case_id.in_(case_ids), case_links.c.role == RESIDENT)
    query = sa.select(registry_entries).where(
        registry_entries.c.id.in_(made), registry_entries.c.kind == PERSON, registry_entries.c.retired_at.is_(None)
    )
    return list(read.execute(query.order_by(registry_entries.c.id)).mappings())


def out_of_registry(write: Connection, case_ids: Sequence[int], at: datetime, by: str) -> dict[str, str]:
    """Parts cases from the persons registered from them: what the audit log called them → what it calls them now.

    Who has no other case is retired without name and contact. Who has one stays, under a code that does not lead back
    to these cases.
    """
    renamed = {}
    for row in persons_of(write, case_ids):
        others = sa.select(cases.c.id).join(case_links, case_links.c.case_id == cases.c.id)
        others = others.where(
            case_links.c.entry_id == row["id"], cases.c.id.not_in(case_ids), ~cases.c.filing_key.startswith(GONE)
        )
        code = row["code"]
        if write.execute(others.limit(1)).first() is None:
            change = without_person(row, at, at.date(), by)
        else:
            code = f"R-{secrets.token_hex(6)}"
            change = {
                "code": code,
                "words": row["words"].replace(row["code"].casefold(), code.casefold()),
                "updated_at": at,
            }
            here = case_links.c.case_id.in_(case_ids), case_links.c.entry_id == row["id"]
            write.execute(case_links.delete().where(*here))
        write.execute(registry_entries.update().where(registry_entries.c.id == row["id"]).values(**change))
        renamed[f"{PERSON}/{row['code']}"] = f"{PERSON}/{code}"
    return renamed


def out_of_places(write: Connection, case_id: int) -> int:
    """Parts a case that has ended from entries that tell more closely than a town where it was; returns how many."""
    c = registry_entries.c
    somewhere = sa.or_(c.village.is_not(None), c.grid.is_not(None), c.longitude.is_not(None))
    near = sa.select(c.id).where(somewhere, c.kind != PERSON)
    here = case_links.c.case_id == case_id, case_links.c.entry_id.in_(near)
    return int(write.execute(case_links.delete().where(*here)).rowcount)
