"""Danger to life first: the number to call, what to do this minute, and a report that the duty desk has at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.draft import Draft
from actions.office import Office, office
from actions.turn import Turn
from cases.case import Case

OTHER = "other"
WAGE_PROTEST = "wage_protest"
LOOK_BACK = 12
SAME_WITHIN = timedelta(minutes=30)


class ActionDanger(Action):
    """Says whom to call before anything else and files what was said as it stands; only then asks for a missing place.

    A job that was running keeps its slots and is taken up again.
    """

    def name(self) -> str:
        """See parent class."""
        return "action_danger"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        case = running_emergency(turn, at)
        if case is not None and "safe" in turn.codes.get("signal", ()):
            at.desk.add_words(case.id, turn.conversation_id, turn.ref, turn.text)
            said.utter_message(response="utter_danger_over", number=case.number)
            waited = turn.slots.get("asked") == "emergency_place"
            return [SlotSet("job", None), SlotSet("asked", None)] if waited else []
        danger = turn.code("danger") or OTHER
        said.utter_message(response=f"utter_danger_{danger}")
        turn = replace(turn, text=last_words(turn, at)) if turn.pressed else turn
        draft = replace(Draft().hear(turn), kind="complaint", category=None, domain_code=None)
        if case is None:
            case = at.desk.file(replace(draft.matter(turn, turn.conversation_id), emergency=danger))
            said.utter_message(response="utter_filed_emergency", number=case.number)
        else:
            case = at.desk.add_words(case.id, turn.conversation_id, turn.ref, turn.text, draft.place())
            said.utter_message(response="utter_words_added", number=case.number)
        known = [SlotSet("case_number", case.number)]
        if case.town or case.place_said or turn.held:
            return known
        said.utter_message(response="utter_ask_emergency_place", number=case.number)
        return [*known, SlotSet("job", "follow_case"), SlotSet("asked", "emergency_place")]


def warn(said: CollectingDispatcher, turn: Turn) -> None:
    """Before anything else where somebody may be in danger: whom to call, and one press that makes it an emergency;
    where people gather for their wages, a calm word, once for each matter."""
    if turn.uneasy:
        said.utter_message(response="utter_danger_maybe")
    if WAGE_PROTEST in turn.codes.get("signal", ()) and not turn.held and WAGE_PROTEST not in told_before(turn):
        calm(said, turn, office())


def told_before(turn: Turn) -> tuple[str, ...]:
    """Signals of the matter in hand that were heard before this turn."""
    return tuple(turn.slots.get("signals") or ())


def calm(said: CollectingDispatcher, turn: Turn, at: Office) -> None:
    """To those who gather for their wages: the claim is right, what the way of claiming may cost, whom to call."""
    told, language = at.library.first_words(WAGE_PROTEST)[: 1 if turn.elders else None], turn.language
    lines = [
        at.term("on_ground", language, text=one.words[language], law=one.ground.law, article=one.ground.article)
        for one in told
    ]
    if lines:
        said.utter_message(response="utter_first_word", words=at.term("after", language).join(lines))


def last_words(turn: Turn, at: Office) -> str:
    """What the resident wrote before they pressed the button."""
    written = at.desk.transcript(turn.conversation_id, tail=LOOK_BACK, own=True)
    own = [m for m in written if m.author == "resident"]
    return next((m.text for m in reversed(own) if m.ref != turn.ref), turn.text)


def running_emergency(turn: Turn, at: Office) -> Case | None:
    """An emergency that this resident has only just reported: who cries for help twice means the same."""
    since = at.desk.clock() - SAME_WITHIN
    recent = [c for c in at.desk.cases_of(turn.conversation_id) if c.emergency and c.created_at > since and c.step < 5]
    return recent[-1] if recent else None
