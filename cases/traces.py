"""Takes out of the words of others what a resident was called and reached by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cases import disputes
from cases.audit import MARK
from cases.redact import UNIT, redact, spans
from cases.registry import RESIDENT, case_links, registry_entries
from cases.rows import contact_of
from cases.shield import Shield

#: what is found of these kinds in a resident's own words is looked for in the words of others
LOOKED_FOR = frozenset({"name", "number", "email", "account", "own_plate"})
SHORTEST = 2


class Traces:
    """The names, numbers and accounts of one resident, as they are and as they are shown."""

    def __init__(self, pieces: Iterable[str | None]) -> None:
        """`pieces`: what to take out; the longest goes first."""
        told = {piece.strip() for piece in pieces if piece and len(piece.strip(" *")) >= SHORTEST}
        self._pieces = sorted(told, key=lambda piece: (-len(piece), piece))

    @classmethod
    def of_case(cls, read: Connection, row: Mapping[str, Any], shield: Shield) -> Traces:
        """From a case's row and what was opened of it; where its key is lost, from what is shown."""
        pieces = [row["contact_masked"]]
        try:
            opened = contact_of(row, shield)
            facts = disputes.facts_of(read, row["id"], shield) or {}
            named = [facts.get("own_name"), *_registered(read, row["id"], shield)]
        except PermissionError:
            return cls(pieces)
        pieces += [opened.contact, *named]
        told = "\n".join((opened.contact or "", *opened.words, opened.place or ""))
        pieces += [told[span.start : span.end] for span in spans(told, UNIT) if span.kind in LOOKED_FOR]
        return cls([*pieces, *(redact(piece) for piece in pieces if piece)])

    def out_of(self, text: str) -> str:
        """The text without the resident, and without numbers, names and doors of anybody."""
        for piece in self._pieces:
            text = text.replace(piece, MARK)
        return redact(text, UNIT)


def _registered(read: Connection, case_id: int, shield: Shield) -> Iterator[str]:
    """The names under which the resident of a case is in the registry."""
    own = sa.and_(case_links.c.entry_id == registry_entries.c.id, case_links.c.role == RESIDENT)
    query = sa.select(registry_entries.c.sealed).join(case_links, own).where(case_links.c.case_id == case_id)
    for sealed in read.execute(query).scalars():
        if opened := shield.open(sealed):
            yield json.loads(opened)["name"]
