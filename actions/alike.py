"""Finds the open case of somebody else that tells the same matter, and describes it without a word of theirs."""

from __future__ import annotations

from actions.draft import Draft, place_name
from actions.office import Office
from actions.turn import Turn
from cases.case import Case

#: likeness of meaning (0 to 1) from which two complaints of one category and place may be the same matter
SAME, SAME_ACROSS_LANGUAGES = 0.9, 0.78
WEIGHED = 12


def alike(draft: Draft, turn: Turn, at: Office) -> str | None:
    """Number of the likeliest case, or None. Emergencies, praise and several matters at once are never joined."""
    if draft.kind not in (None, "complaint") or len(draft.parts) > 1 or "join" in draft.skipped:
        return None
    if not (draft.words and draft.category and draft.town):
        return None
    others = at.desk.alike(turn.conversation_id, draft.category, draft.town, draft.village)
    near = [case for case in others if not elsewhere(draft.place_said, case.place_said)][:WEIGHED]
    told = at.library.nearness(" ".join(draft.words), [" ".join(case.words) for case in near]) if near else []
    sure = [
        (likeness, case.number)
        for likeness, case in zip(told, near, strict=True)
        if likeness >= (SAME if case.language == turn.language else SAME_ACROSS_LANGUAGES)
    ]
    return max(sure)[1] if sure else None


def elsewhere(one: str | None, other: str | None) -> bool:
    """Whether two landmarks, as residents named them, are plainly not the same spot: nothing of one is in the other."""
    if not one or not other:
        return False
    return not any(one[i : i + 2] in other for i in range(len(one) - 1))


def described(case: Case, at: Office, language: str) -> dict[str, str]:
    """Category, place, day and state of a case: what its place and kind tell, nothing of the resident who filed it."""
    official = Draft(town=case.town, village=case.village)
    return {
        "category": at.county.category(case.category).name[language] if case.category else "",
        "place": place_name(official, at.county, language) or at.term("not_given", language),
        "day": at.moment(case.created_at, language)[:10],
        "status": at.term(f"status_{case.status}_short", language),
    }
