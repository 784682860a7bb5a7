"""Keeps a conversation on its feet: cancel, say again, say why, change language, go on, ask what was meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import consult_law, report_problem
from actions.danger import warn
from actions.draft import Draft
from actions.office import Office, office
from actions.turn import Turn
from cases.case import Message

Events = list[dict[str, Any]]
#: intent -> the job that it would open
OPENED_BY = {
    "report_problem": "report_problem", "suggest": "report_problem", "praise": "report_problem",
    "inform": "report_problem", "ask": "ask", "consult_law": "consult_law", "follow_case": "follow_case",
    "urge": "follow_case", "add_to_case": "follow_case", "withdraw": "follow_case",
}  # fmt: skip
USUAL = ("report_problem", "ask", "consult_law")
WORTH_OFFERING = 0.08
LOOKS_SHOWN = 5


class ActionCancel(Action):
    """Drops the running job; nothing was filed."""

    def name(self) -> str:
        """See parent class."""
        return "action_cancel"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        running = tracker.slots.get("job")
        said.utter_message(response="utter_cancelled" if running else "utter_nothing_to_cancel")
        return Draft().events(job=None)


class ActionRepeat(Action):
    """Says the bot's last words again, as they were."""

    def name(self) -> str:
        """See parent class."""
        return "action_repeat"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        turn = Turn.of(tracker)
        if tracker.slots.get("asked"):
            return []
        spoken = last_words(office(), turn.conversation_id)
        for message in spoken:
            said.utter_message(text=message.text, buttons=message.buttons)
        if not spoken:
            said.utter_message(response="utter_greet")
        return []


def last_words(at: Office, conversation_id: str) -> list[Message]:
    """What was said to the resident since the last but one of their own messages (the last one asks to repeat)."""
    spoken: list[Message] = []
    for message in reversed(at.desk.transcript(conversation_id, tail=20, own=True)):
        if message.author != "resident":
            spoken.insert(0, message)
        elif spoken:
            break
    return spoken


class ActionWhyAsk(Action):
    """Says what a question is for."""

    def name(self) -> str:
        """See parent class."""
        return "action_why_ask"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        if "privacy" in Turn.of(tracker).codes.get("signal", ()):
            said.utter_message(response="utter_privacy")
            tell_looks(said, Turn.of(tracker), office())
            return []
        asked = tracker.slots.get("asked")
        known = {"what", "where", "town", "since", "contact", "urgent", "facts"}
        said.utter_message(response=f"utter_why_{asked}" if asked in known else "utter_why")
        return []


def tell_looks(said: CollectingDispatcher, turn: Turn, at: Office) -> None:
    """Who of the staff looked at the resident's newest case: roles and times, and the reasons given for its contact."""
    own = at.desk.cases_of(turn.conversation_id)
    if not own:
        return
    case = max(own, key=lambda c: c.created_at)
    seen = at.desk.who_looked(turn.conversation_id, case.id)
    lines = [
        at.term(
            f"look_{look.action}", turn.language, at=at.moment(look.at, turn.language),
            role=look.name or at.term(f"role_{look.role or 'system'}", turn.language), reason=look.reason or "",
        )
        for look in seen[-LOOKS_SHOWN:]
    ]  # fmt: skip
    if lines:
        said.utter_message(response="utter_looks", number=case.number, count=str(len(seen)), lines="\n".join(lines))
    else:
        said.utter_message(response="utter_no_looks", number=case.number)


class ActionSwitchLanguage(Action):
    """Goes on in the other language; a language named in the message was already set from it."""

    def name(self) -> str:
        """See parent class."""
        return "action_switch_language"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        turn = Turn.of(tracker)
        office().desk.set_language(turn.conversation_id, turn.language)
        said.utter_message(response="utter_language")
        return []


class ActionContinueJob(Action):
    """Takes up what waits, or says that nothing does."""

    def name(self) -> str:
        """See parent class."""
        return "action_continue_job"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        if not tracker.slots.get("job"):
            said.utter_message(response="utter_nothing_waits")
        return []


class ActionResume(Action):
    """After an aside, asks again what was asked before it."""

    def name(self) -> str:
        """See parent class."""
        return "action_resume"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        draft = Draft.of(turn)
        job = turn.slots.get("job")
        if job == "report_problem":
            report_problem.utter(said, turn, draft, at)
        elif job == "consult_law":
            consult_law.utter(said, turn, draft, at)
        elif job == "follow_case":
            said.utter_message(response=f"utter_ask_{draft.asked}", number=turn.slots.get("case_number"))
        return []


class ActionClarify(Action):
    """Offers the two or three likeliest readings of unclear words, and a person; what was said is kept.

    Who was not understood again and again is handed to a person.
    """

    def name(self) -> str:
        """See parent class."""
        return "action_clarify"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        warn(said, turn)
        tries = (turn.slots.get("tries") or 0.0) + 1 if not turn.slots.get("job") else 1.0
        told = turn.intent not in ("affirm", "deny") and not turn.pressed
        heard = replace(Draft(asked="what").hear(turn), asked=None, tries=tries) if told else Draft(tries=tries)
        if tries > report_problem.patience(turn):
            report_problem.hand_over(said, turn, at)
            return heard.events(words=[turn.text] if told else None, tries=0.0)
        offered = [*likely(turn), "human"] if tries == 1 else ["human", *likely(turn)]
        buttons = [{"title": at.term(f"reading_{r}", turn.language), "payload": f"/{r}"} for r in offered]
        said.utter_message(response="utter_clarify" if tries == 1 else "utter_clarify_again", buttons=buttons)
        return heard.events(words=[turn.text] if told else None)


def likely(turn: Turn) -> list[str]:
    """Jobs that the words may open, the likeliest first: at least two, so that there is a choice, at most three."""
    ranked = [intent for intent, chance in turn.ranking if intent in OPENED_BY and chance >= WORTH_OFFERING]
    offered = list(dict.fromkeys(OPENED_BY[intent] for intent in ranked))
    return list(dict.fromkeys((*offered, *USUAL)))[: max(2, min(len(offered), 3))] if offered else list(USUAL)
