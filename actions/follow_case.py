"""Tells residents where their cases stand and takes what they say of them: urge, add, withdraw, rate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import consult_law, report_problem
from actions.danger import warn
from actions.draft import Draft
from actions.office import Office, office
from actions.turn import Turn
from cases.case import Case
from cases.desk import Refused
from cases.lifecycle import LOW, OPEN, RUNNING

Events = list[dict[str, Any]]
SHOWN = 3
CLOSED = frozenset({"rated", "refused", "withdrawn", "merged"})


class _AboutOneCase(Action, ABC):
    """Finds the case that is meant: the number said, the one last talked of, or the newest one still open."""

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        warn(said, turn)
        own = at.desk.cases_of(turn.conversation_id)
        number = turn.code("case_number")
        if number and number not in {c.number for c in own}:
            said.utter_message(response="utter_not_your_case", number=number)
            return []
        if not own:
            said.utter_message(response="utter_no_case")
            return []
        case = meant(own, number, turn.slots.get("case_number"))
        try:
            more = self.act(said, turn, at, case, own)
        except Refused as refused:
            said.utter_message(response=f"utter_refused_{refused.code}", number=case.number)
            more = []
        return [SlotSet("case_number", case.number), *more]

    @abstractmethod
    def act(self, said: CollectingDispatcher, turn: Turn, at: Office, case: Case, own: list[Case]) -> Events:
        """What the resident wants with `case`; `own` are all cases of the conversation."""


def meant(own: list[Case], number: str | None, last: str | None) -> Case:
    """The case that the words are about."""
    by_number = {c.number: c for c in own}
    if number:
        return by_number[number]
    if last in by_number and by_number[last].status not in CLOSED:
        return by_number[last]
    newest = sorted(own, key=lambda c: c.created_at, reverse=True)
    return next((c for c in newest if c.status not in CLOSED), newest[0])


class ActionFollowCase(_AboutOneCase):
    """Where the case stands; also takes the yes or no to a question this job asked."""

    def name(self) -> str:
        """See parent class."""
        return "action_follow_case"

    def act(self, said: CollectingDispatcher, turn: Turn, at: Office, case: Case, own: list[Case]) -> Events:
        """See parent class."""
        asked = turn.slots.get("asked") if turn.slots.get("job") == "follow_case" else None
        ended = back(turn)
        if asked == "withdraw" and turn.intent in ("affirm", "withdraw"):
            at.desk.withdraw(case.id, turn.conversation_id, turn.ref, turn.text)
            said.utter_message(response="utter_withdrawn", number=case.number)
            return ended
        if asked == "withdraw":
            said.utter_message(response="utter_not_withdrawn", number=case.number)
            return ended
        if asked == "reopen" and turn.intent == "affirm":
            at.desk.reopen(case.id, turn.conversation_id, turn.ref, turn.text)
            said.utter_message(response="utter_reopened", number=case.number)
            return ended
        if asked == "reopen":
            said.utter_message(response="utter_not_reopened", number=case.number)
            return ended
        if asked == "rate_words":
            return add(said, turn, at, case, ended)
        if asked == "rate":
            return rate(said, turn, at, case)
        if asked == "detail":
            return add_detail(said, turn, at, case)
        if asked == "emergency_place":
            return locate(said, turn, at, case)
        listed = [case] if turn.code("case_number") else sorted(own, key=lambda c: c.created_at, reverse=True)[:SHOWN]
        for one in listed:
            said.utter_message(response="utter_case_state", **state(one, at, turn))
        return []


class ActionUrge(_AboutOneCase):
    """Passes the resident's urging on."""

    def name(self) -> str:
        """See parent class."""
        return "action_urge"

    def act(self, said: CollectingDispatcher, turn: Turn, at: Office, case: Case, own: list[Case]) -> Events:
        """See parent class."""
        at.desk.urge(case.id, turn.conversation_id, turn.ref, turn.text)
        said.utter_message(response="utter_urged", **state(case, at, turn))
        return []


class ActionAddToCase(_AboutOneCase):
    """Adds the resident's words to the case."""

    def name(self) -> str:
        """See parent class."""
        return "action_add_to_case"

    def act(self, said: CollectingDispatcher, turn: Turn, at: Office, case: Case, own: list[Case]) -> Events:
        """See parent class."""
        return add(said, turn, at, case, [])


class ActionWithdraw(_AboutOneCase):
    """Asks once before a case is withdrawn."""

    def name(self) -> str:
        """See parent class."""
        return "action_withdraw"

    def act(self, said: CollectingDispatcher, turn: Turn, at: Office, case: Case, own: list[Case]) -> Events:
        """See parent class."""
        said.utter_message(response="utter_ask_withdraw", number=case.number)
        return [SlotSet("job", "follow_case"), SlotSet("asked", "withdraw")]


class ActionRate(_AboutOneCase):
    """Takes the rating of a case that is closed; asks why when it is low."""

    def name(self) -> str:
        """See parent class."""
        return "action_rate"

    def act(self, said: CollectingDispatcher, turn: Turn, at: Office, case: Case, own: list[Case]) -> Events:
        """See parent class."""
        waiting = [c for c in own if c.status == "closed"]
        return rate(said, turn, at, waiting[-1] if waiting and case.status != "closed" else case)


def add_detail(said: CollectingDispatcher, turn: Turn, at: Office, case: Case) -> Events:
    """Adds the answer to the question of the case's category; not knowing is as good."""
    if turn.pressed or turn.intent in ("unsure", "deny", "withhold", "affirm", "thanks"):
        said.utter_message(response="utter_detail_passed")
        return Draft().events(job=None)
    return add(said, turn, at, case, Draft().events(job=None))


def add(said: CollectingDispatcher, turn: Turn, at: Office, case: Case, after: Events) -> Events:
    """Keeps the words with the case; one that was closed may be opened again. `after` ends the job otherwise."""
    facts = consult_law.told_facts((turn.text,), at).as_json() if case.kind == "consultation" else None
    at.desk.add_words(case.id, turn.conversation_id, turn.ref, turn.text, facts=facts)
    if at.desk.can_reopen(case):
        said.utter_message(response="utter_ask_reopen", number=case.number)
        return [*after, SlotSet("job", "follow_case"), SlotSet("asked", "reopen")]
    said.utter_message(response="utter_words_added", number=case.number)
    return after


def locate(said: CollectingDispatcher, turn: Turn, at: Office, case: Case) -> Events:
    """Adds the place of an emergency to its case; then the job that it broke into is taken up again."""
    if turn.intent not in ("unsure", "deny"):
        place = Draft(asked="where").hear(turn).place()
        at.desk.add_words(case.id, turn.conversation_id, turn.ref, turn.text, place)
        said.utter_message(response="utter_words_added", number=case.number)
    return back(turn)


def back(turn: Turn) -> Events:
    """This job is over: a report or a consultation that it broke into is taken up again where it was."""
    draft = replace(Draft.of(turn), asked=None)
    if not draft.words:
        return [SlotSet("job", None), SlotSet("asked", None)]
    job, question = "report_problem", report_problem.next_question(draft)
    if draft.kind == "consultation":
        job, question = "consult_law", consult_law.next_question(draft)
    return [SlotSet("job", job), SlotSet("asked", question)]


def rate(said: CollectingDispatcher, turn: Turn, at: Office, case: Case) -> Events:
    """Stores the score, or asks for it when none was said."""
    score = turn.code("rating")
    if score is None:
        said.utter_message(response="utter_ask_rate", number=case.number)
        return [SlotSet("job", "follow_case"), SlotSet("asked", "rate"), SlotSet("case_number", case.number)]
    score = int(score)
    rated = at.desk.rate(case.id, turn.conversation_id, turn.ref, score, None if turn.pressed else turn.text)
    said.utter_message(response=after_rating(rated, score, at), number=case.number, score=score)
    if score <= LOW:
        return [SlotSet("job", "follow_case"), SlotSet("asked", "rate_words")]
    return back(turn)


def after_rating(rated: Case, score: int, at: Office) -> str:
    """The response to a rating; a low one of somebody who only joined the case opens nothing by itself."""
    if score > LOW:
        return "utter_rated"
    if rated.status == "reopened":
        return "utter_rated_low"
    return "utter_rated_low_joined" if at.desk.can_reopen(rated) else "utter_rated_low_late"


def state(case: Case, at: Office, turn: Turn) -> dict[str, str]:
    """The blanks of a case's state; who only joined it sees its category, not the words of whoever filed it."""
    language = turn.language
    own = case.conversation_id == turn.conversation_id
    what = case.words[0] if own and case.words else report_problem.category_name(case.category, at, language)
    due = at.moment(case.due_at, language) if case.status in RUNNING and case.due_at else None
    return {
        "number": case.number,
        "status": at.term(f"status_{case.status}", language),
        "step": str(case.step),
        "unit": unit_name(case, at, language),
        "due": due or at.term(f"due_{clock_of(case)}", language),
        "words": what[:40],
    }


def clock_of(case: Case) -> str:
    """Why no limit runs: it does so once a unit has the case, rests, has been met, or the case is over."""
    if case.status in ("suspended", "answered"):
        return case.status
    return "dispatch" if case.status in OPEN else "over"


def unit_name(case: Case, at: Office, language: str) -> str:
    """Who deals with it now."""
    if case.kind == "consultation" and case.adviser:
        return at.term("adviser", language)
    if not case.unit:
        return at.term("hotline", language)
    unit = at.county.unit(case.unit)
    return unit.name if language == "zh" else unit.name_en
