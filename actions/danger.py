"""Danger to life first: the number to call, what to do this minute, and a report that goes to the duty desk at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.draft import Draft
from actions.office import office
from actions.report_problem import ask, file_matter, next_question
from actions.turn import Turn

OTHER = "other"


class ActionDanger(Action):
    """Says whom to call before anything else, then files what is known; only a missing place is asked for."""

    def name(self) -> str:
        """See parent class."""
        return "action_danger"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        danger = turn.code("danger") or OTHER
        said.utter_message(response=f"utter_danger_{danger}")
        held = Draft.of(turn)
        waiting = turn.slots.get("job") == "report_problem"
        draft = held if waiting else Draft()
        draft = replace(draft.hear(turn), kind="complaint", emergency=danger, asked=held.asked if waiting else None)
        question = next_question(draft)
        if question == "file":
            return file_matter(said, turn, draft, at)
        return ask(said, turn, draft, question, at)
