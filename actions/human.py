"""Brings in a person from any state, in any wording; once one has taken over, the bot is silent until the release."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.danger import running_emergency
from actions.office import Office, office
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
        emergency = running_emergency(turn, at)
        if emergency is not None:  # the office hours are no answer to somebody in danger
            at.desk.add_words(emergency.id, turn.conversation_id, turn.ref, turn.text)
            said.utter_message(response="utter_human_emergency", number=emergency.number)
            return []
        say_when(said, turn, at, "utter_human")
        return []


def say_when(said: CollectingDispatcher, turn: Turn, at: Office, response: str) -> None:
    """The response, or its twin for the hours in which nobody sits at the desk."""
    said.utter_message(response=response if at.staffed_now() else f"{response}_later", hours=at.hours(turn.language))


class ActionWaiting(Action):
    """While nobody has taken over yet: what is said is kept, when somebody comes, and the way back to the bot."""

    def name(self) -> str:
        """See parent class."""
        return "action_waiting"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        say_when(said, turn, at, "utter_waiting")
        return []


class ActionTakeBack(Action):
    """The resident would rather go on with the bot than wait."""

    def name(self) -> str:
        """See parent class."""
        return "action_take_back"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        taken = at.desk.stop_waiting(turn.conversation_id)
        said.utter_message(response="utter_taken_back" if taken else "utter_staff_is_here")
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
