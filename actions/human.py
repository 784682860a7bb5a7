"""Brings in a person: from any state, in any wording; the bot is silent until staff release the conversation."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.office import office
from actions.turn import Turn


class ActionHuman(Action):
    """Puts the conversation into the staff's queue and says honestly what happens next."""

    def name(self) -> str:
        """See parent class."""
        return "action_human"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        at.desk.ask_for_person(turn.conversation_id, "asked", turn.ref)
        response = "utter_human" if at.staffed_now() else "utter_human_later"
        said.utter_message(response=response, hours=at.hours(turn.language))
        return []


class ActionForeign(Action):
    """A language that the bot doesn't speak: one bilingual line, and a person."""

    def name(self) -> str:
        """See parent class."""
        return "action_foreign"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn = Turn.of(tracker)
        office().desk.ask_for_person(turn.conversation_id, "foreign_language", turn.ref)
        said.utter_message(response="utter_foreign")
        return []
