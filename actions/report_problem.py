"""Takes a resident's matter: hears it, asks only what is missing, reads it back, files it on the resident's yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.draft import STORY_LEAST, Draft, place_name
from actions.office import Office, office
from actions.turn import Turn

FAILURES = 2
SHOWN = 160
ENDED: dict[str, Any] = {"job": None}


class ActionReportProblem(Action):
    """One turn of the report: hear, then the next question, the read-back or the filing."""

    def name(self) -> str:
        """See parent class."""
        return "action_report_problem"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        draft = Draft.of(turn) if turn.slots.get("job") == "report_problem" else fresh(turn)
        if draft.asked == "confirm" and turn.intent == "affirm":
            return file_matter(said, turn, draft, at)
        new = turn.slots.get("job") != "report_problem"
        draft = choose_field(draft.hear(turn), turn)
        if new and draft.words:
            said.utter_message(response="utter_noted")
        return ask(said, turn, draft, next_question(draft), at)


def fresh(turn: Turn) -> Draft:
    """A new draft; words that the bot just asked the meaning of are kept when the answer was only "report it"."""
    held = () if turn.slots.get("job") else tuple(turn.slots.get("words") or ())
    return Draft(words=held) if turn.pressed or len(turn.text.strip()) < STORY_LEAST else Draft()


def choose_field(draft: Draft, turn: Turn) -> Draft:
    """A resident who only names the field to change ("the address is wrong") is asked for that field anew."""
    told = {
        "where": ("town", "village", "place_said", "place_choice"),
        "since": ("since_said",),
        "contact": ("contact",),
    }
    named = turn.codes.get("field", ())
    if draft.asked not in ("confirm", "which") or not named:
        return draft
    empty = [f for f in named if f in told and not any(turn.codes.get(code) for code in told[f])]
    if "what" in named and turn.pressed:
        return replace(draft.reopen("what"), words=(), asked="which")
    return replace(draft.reopen(empty[0]), asked="which") if empty else draft


def next_question(draft: Draft) -> str:
    """Code of the question that is still open, in the order a good operator asks; "confirm" when all is known."""
    if not draft.words:
        return "what"
    if draft.place_choices:
        return "place_choice"
    if not draft.placed and draft.kind != "praise":
        return "town" if draft.place_said else "where"
    if draft.kind in (None, "complaint") and not draft.since_said and "since" not in draft.skipped:
        return "since"
    if not draft.contact and draft.contact_withheld is None:
        return "contact"
    return "confirm"


def ask(said: CollectingDispatcher, turn: Turn, draft: Draft, question: str, at: Office) -> list[dict[str, Any]]:
    """Utters one question. The second failure of a question goes to a person; a place in own words is kept instead."""
    draft = draft.ask(question, Draft.of(turn))
    if draft.tries and question == "town":
        return ask(said, turn, draft.skip("town"), next_question(draft.skip("town")), at)
    if draft.tries >= FAILURES:
        at.desk.ask_for_person(turn.conversation_id, "two_failures", turn.ref)
        said.utter_message(response="utter_two_failures")
        return draft.events(job="report_problem", tries=0.0)
    utter(said, turn, draft, at)
    return draft.events(job="report_problem")


def utter(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> None:
    """Says the question that waits."""
    if draft.asked == "confirm":
        said.utter_message(response="utter_read_back", **read_back(draft, at, turn.language))
    elif draft.asked == "place_choice":
        said.utter_message(response="utter_ask_place_choice", buttons=place_buttons(draft, at, turn.language))
    elif draft.tries:
        said.utter_message(response=f"utter_ask_{draft.asked}_again")
    else:
        said.utter_message(response=f"utter_ask_{draft.asked}")


def read_back(draft: Draft, at: Office, language: str) -> dict[str, str]:
    """The blanks of the read-back: own words for own words, names for codes."""
    unknown = at.term("not_given", language)
    category = at.county.category(draft.category).name[language] if draft.category else unknown
    contact = draft.contact or at.term("contact_withheld", language)
    return {
        "kind": at.term(f"kind_{draft.kind or 'complaint'}", language),
        "words": shortened(" / ".join(draft.words), at, language),
        "category": category,
        "place": place_name(draft, at.county, language) or unknown,
        "since": draft.since_said or unknown,
        "contact": contact,
    }


def shortened(words: str, at: Office, language: str) -> str:
    """Enough of long words to recognise them; all of them are stored."""
    return words if len(words) <= SHOWN else at.term("shortened", language, words=words[:SHOWN])


def place_buttons(draft: Draft, at: Office, language: str) -> list[dict[str, str]]:
    """One button for each place that the words may mean."""
    buttons = []
    for code in draft.place_choices[:6]:
        village = at.county.village(code) if len(code) > 9 else None
        town = at.county.town(village.town_code if village else code)
        said = Draft(town=town.code, village=village.code if village else None)
        codes = f'"town": "{town.code}"' + (f', "village": "{village.code}"' if village else "")
        buttons.append({"title": place_name(said, at.county, language) or code, "payload": f"/inform{{{codes}}}"})
    return buttons


def file_matter(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> list[dict[str, Any]]:
    """Files it and tells the number, which exists because the case does."""
    case = at.desk.file(draft.matter(turn, turn.conversation_id))
    said.utter_message(response=f"utter_filed_{draft.kind or 'complaint'}", number=case.number)
    return Draft().events(job=None, case_number=case.number)
