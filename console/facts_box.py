"""The facts of a consultation on the case page: parties, amounts, dates, proof, what is wanted, and what to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cases import conflicts, disputes
from cases.case import Case
from console.page import Page, Who

#: roles that deal with a consultation; all others see names masked
SEES_NAMES = frozenset({"operator", "administrator", "adviser"})


@dataclass(frozen=True)
class FactsBox:
    """What the box shows; `facts` as in `cases.disputes`, None where none were kept; `doubts` are codes."""

    facts: dict[str, Any] | None
    doubts: tuple[str, ...]


def facts_box(pages: Page, who: Who, case: Case) -> FactsBox | None:
    """The box of a consultation for this member of staff; None for any other kind of case."""
    if case.kind != "consultation":
        return None
    full = who.role in SEES_NAMES
    with pages.desk.store.read() as read:
        facts = disputes.facts_of(read, case.id, pages.desk.shield if full else None)
        doubts = conflicts.doubts(read, pages.county, case) if full else []
    return FactsBox(facts, tuple(doubts))
