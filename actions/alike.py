"""Finds the open case of somebody else that tells the same matter, and describes it without a word of theirs."""

from __future__ import annotations

from actions.draft import Draft, place_name
from actions.office import Office
from cases.case import Case

#: likeness of meaning (0 to 1) from which two complaints of one category and place are taken for the same matter
SAME = 0.93
WEIGHED = 12


def alike(draft: Draft, conversation_id: str, at: Office) -> str | None:
    """Number of the likeliest case, or None. Emergencies, praise and several matters at once are never joined."""
    if draft.kind not in (None, "complaint") or len(draft.parts) > 1 or "join" in draft.skipped:
        return None
    if not (draft.words and draft.category and draft.town):
        return None
    others = at.desk.alike(conversation_id, draft.category, draft.town, draft.village)[:WEIGHED]
    if not others:
        return None
    told = at.library.nearness(" ".join(draft.words), [" ".join(case.words) for case in others])
    likeness, best = max(zip(told, others, strict=True), key=lambda pair: pair[0])
    return best.number if likeness >= SAME else None


def described(case: Case, at: Office, language: str) -> dict[str, str]:
    """Category, place, day and state of a case: what its place and kind tell, nothing of the resident who filed it."""
    official = Draft(town=case.town, village=case.village)
    return {
        "category": at.county.category(case.category).name[language] if case.category else "",
        "place": place_name(official, at.county, language) or at.term("not_given", language),
        "day": at.moment(case.created_at, language)[:10],
        "status": at.term(f"status_{case.status}_short", language),
    }
