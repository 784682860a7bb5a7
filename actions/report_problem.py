"""Takes a resident's matter: hears it, asks only what is missing, reads it back, files it on the resident's yes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.alike import alike, described
from actions.danger import warn
from actions.draft import PLACE, STORY_LEAST, Draft, new_place, place_name
from actions.office import Office, office
from actions.turn import Turn
from cases.case import Case
from cases.desk import Refused
from nlu.plain import opens_only

FAILURES = 2
SHOWN = 160
PART = 50
TOLD_ENOUGH = 40
#: words that leave one of several matters out
LEAVES_OUT = re.compile(
    r"不用|不要|不报|不说|不管|不算|算了|莫管|莫报|去掉|删掉|除了|解决了|好了"
    r"|\b(?:not|drop|remove|without|except|forget|leave out)\b",
    re.IGNORECASE,
)

#: a complaint about the hotline itself happens at no place of the county
ABOUT_US = "about_us"
SMALL = re.compile(r"[^\u4e00-\u9fff]|[的了还有我们不先说吧就那个这件事]")
CLAUSE = re.compile(r"[\s，,。.；;！!]+")
#: "it is only one matter"
ONE_MATTER = re.compile(
    r"(?:就|只|是|都是|才)(?:有|是)?一(?:件|个|回|码)(?:事|问题)|(?<!还有)一件事|合成一"
    r"|\bonly one\b|\bone (?:issue|matter|thing)\b"
)
#: at the question for a phone: file it as it is
FILE_IT = re.compile(r"提交|报上去|就(?:这样|咯样)报|\bsubmit\b", re.IGNORECASE)


class ActionReportProblem(Action):
    """One turn of the report: hear, then the next question, the read-back or the filing."""

    def name(self) -> str:
        """See parent class."""
        return "action_report_problem"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        warn(said, turn)
        draft = Draft.of(turn) if turn.slots.get("job") == "report_problem" else fresh(turn)
        if draft.asked == "confirm" and turn.intent == "affirm":
            return file_matters(said, turn, draft, at)
        if draft.asked == "join" and turn.intent == "affirm":
            return join(said, turn, draft, at)
        new = turn.slots.get("job") != "report_problem"
        draft = choose_field(hear_choices(draft.hear(turn), turn), turn)
        draft = replace(draft, alike=alike(draft, turn, at))
        if new and draft.words:
            said.utter_message(response="utter_noted_about_us" if ABOUT_US in draft.signals else "utter_noted")
            if "privacy" in draft.signals:
                said.utter_message(response="utter_privacy")
        return ask(said, turn, draft, next_question(draft), at)


def patience(turn: Turn) -> int:
    """How often a question may fail before a person takes over."""
    return 1 if turn.elders else FAILURES


def hear_choices(draft: Draft, turn: Turn) -> Draft:
    """Yes and no to the questions that only this job asks; whoever speaks of something else has passed them over."""
    if draft.asked == "contact" and not draft.contact and FILE_IT.search(turn.text):
        return replace(draft, contact_withheld=True)
    if draft.asked == "split" and ONE_MATTER.search(turn.text) and not turn.pressed:
        return replace(draft, parts=()).skip("split")
    if draft.asked == "split":
        left = without_named(draft, turn)
        if left != draft.parts:
            draft = replace(draft, parts=left)
            if len(left) < 2:
                return replace(draft.apart_from(left[0]), parts=()).skip("split")
        elif turn.intent != "affirm":
            return replace(draft, parts=()).skip("split")
        placed = all(part.get("town") for part in draft.parts)
        return replace(draft, place_choices=()).skip("split", "where") if placed else draft.skip("split")
    return draft.skip("join") if draft.asked == "join" else draft


def without_named(draft: Draft, turn: Turn) -> tuple[dict[str, Any], ...]:
    """The parts without the one that the resident wants left out ("not the lift"); all of them where none is named."""
    if turn.pressed or not LEAVES_OUT.search(turn.text):
        return draft.parts
    clauses = [clause for clause in CLAUSE.split(turn.text) if LEAVES_OUT.search(clause)]
    told = " ".join(LEAVES_OUT.sub(" ", clause) for clause in clauses)
    shared = [len(pairs(told) & pairs(part["text"])) for part in draft.parts]
    if not any(shared):  # "the parking" of "cars are parked": the same signs in another order
        shared = [len(set(SMALL.sub("", told)) & set(part["text"])) for part in draft.parts]
    named = shared.index(max(shared))
    if not shared[named] or shared.count(shared[named]) > 1:
        return draft.parts
    return (*draft.parts[:named], *draft.parts[named + 1 :])


def pairs(text: str) -> set[str]:
    """Neighbouring signs, or words of a language with spaces."""
    words = re.findall(r"[a-z]{3,}", text.lower())
    signs = re.sub(r"[^\u4e00-\u9fff]", " ", text)
    return {*words, *(a + b for a, b in zip(signs, signs[1:], strict=False) if " " not in (a, b))}


def fresh(turn: Turn) -> Draft:
    """A new draft; what was told before is kept when the answer to it was only "report it"."""
    bare = turn.pressed or len(turn.text.strip()) < STORY_LEAST or opens_only(turn.text)
    if not bare or turn.slots.get("job") == "report_problem":
        return Draft()
    held = Draft.of(turn)
    told = ("words", "signals", "category", "domain_code", *PLACE, "place_choices", "since", "since_said", "contact")
    return held.only(*told) if held.words else Draft()


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
    empty = [f for f in empty if f != "where" or new_place(turn) is None]
    if "what" in named and turn.pressed:
        return replace(draft.reopen("what"), words=(), asked="which")
    return replace(draft.reopen(empty[0]), asked="which") if empty else draft


def next_question(draft: Draft) -> str:
    """Code of the question that is still open, in the order a good operator asks; "confirm" when all is known."""
    if not draft.words:
        return "what"
    if len(draft.parts) > 1 and "split" not in draft.skipped:
        return "split"
    if draft.place_choices:
        return "place_choice"
    if not draft.placed and draft.kind != "praise" and ABOUT_US not in draft.signals:
        return "town" if draft.place_said else "where"
    if draft.alike and "join" not in draft.skipped:
        return "join"
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
    if draft.tries >= patience(turn):
        hand_over(said, turn, at)
        return draft.events(job="report_problem", tries=0.0)
    utter(said, turn, draft, at)
    return draft.events(job="report_problem")


def hand_over(said: CollectingDispatcher, turn: Turn, at: Office) -> None:
    """Gives whoever was not understood again and again to a person."""
    at.desk.ask_for_person(turn.conversation_id, "two_failures", turn.ref)
    said.utter_message(response="utter_two_failures")


def utter(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> None:
    """Says the question that waits."""
    if draft.asked == "confirm":
        said.utter_message(response="utter_read_back", **read_back(draft, at, turn.language))
    elif draft.asked == "split":
        listed = "\n".join(f"{n}. {shortened(part['text'], at, turn.language, PART)}" for n, part in numbered(draft))
        said.utter_message(response="utter_ask_split", number=len(draft.parts), parts=listed)
    elif draft.asked == "join" and draft.alike:
        said.utter_message(response="utter_ask_join", **described(at.desk.case(draft.alike), at, turn.language))
    elif draft.asked == "place_choice":
        said.utter_message(response="utter_ask_place_choice", buttons=place_buttons(draft, at, turn.language))
    elif draft.tries:
        said.utter_message(response=f"utter_ask_{draft.asked}_again")
    else:
        said.utter_message(response=f"utter_ask_{draft.asked}")


def read_back(draft: Draft, at: Office, language: str) -> dict[str, str]:
    """The blanks of the read-back: own words for own words, names for codes."""
    unknown = at.term("not_given", language)
    contact = draft.contact or at.term("contact_withheld", language)
    words, category = " / ".join(draft.words), category_name(draft.category, at, language, draft.domain_code)
    if len(draft.parts) > 1:
        apart = draft.apart()
        words = "".join(f"\n{n}. {shortened(part['text'], at, language, PART)}" for n, part in numbered(draft))
        category = " · ".join(
            f"{n}. {category_name(one.category, at, language, one.domain_code)}" for n, one in enumerate(apart, 1)
        )
    return {
        "kind": at.term(f"kind_{draft.kind or 'complaint'}", language),
        "words": shortened(words, at, language),
        "category": category,
        "place": place_name(draft, at.county, language) or unknown,
        "since": draft.since_said or unknown,
        "contact": contact,
    }


def category_name(code: str | None, at: Office, language: str, domain: str | None = None) -> str:
    """What a category is called; where none is sure enough, its first-level class, which staff will divide."""
    if code:
        return at.county.category(code).name[language]
    if domain is None:
        return at.term("not_given", language)
    found = at.county.domain(domain)
    return at.term("only_domain", language, name=found.name if language == "zh" else found.name_en)


def numbered(draft: Draft) -> enumerate[dict[str, Any]]:
    """The parts, counted from one."""
    return enumerate(draft.parts, 1)


def shortened(words: str, at: Office, language: str, most: int = SHOWN) -> str:
    """Enough of long words to recognise them; all of them are stored."""
    return words if len(words) <= most else at.term("shortened", language, words=words[:most])


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


def file_matters(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> list[dict[str, Any]]:
    """Files each matter and tells the numbers, which exist because the cases do."""
    cases = []
    for n, one in enumerate(draft.apart()):
        matter = one.matter(turn, turn.conversation_id)
        cases.append(at.desk.file(replace(matter, filing_key=f"{turn.ref}#{n}") if n else matter))
    if len(cases) > 1:
        listed = [
            at.term("one_of_several", turn.language, number=c.number, what=category_name(c.category, at, turn.language))
            for c in cases
        ]
        said.utter_message(response="utter_filed_several", cases="\n".join(listed))
        return Draft().events(job=None, case_number=cases[0].number)
    said.utter_message(response=f"utter_filed_{draft.kind or 'complaint'}", number=cases[0].number)
    return ask_detail(said, turn, cases[0], at)


def ask_detail(said: CollectingDispatcher, turn: Turn, case: Case, at: Office) -> list[dict[str, Any]]:
    """Behind the number, the one question of the category whose answer saves the unit a call; nobody has to answer."""
    questions = at.county.category(case.category).questions if case.category else ()
    told = sum(map(len, case.words)) / (1 if turn.language == "zh" else 3)
    if case.kind != "complaint" or not questions or told >= TOLD_ENOUGH:
        return Draft().events(job=None, case_number=case.number)
    said.utter_message(response="utter_ask_detail", question=questions[0][turn.language])
    return Draft(asked="detail", category=case.category).events(job="follow_case", case_number=case.number)


def join(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> list[dict[str, Any]]:
    """Makes the resident a follower of the case that is the same matter; their words go with it."""
    try:
        case = at.desk.join(at.desk.case(draft.alike or "").id, turn.conversation_id, turn.ref, draft.words)
    except Refused:  # closed since it was offered
        return ask(said, turn, draft.skip("join"), next_question(draft.skip("join")), at)
    said.utter_message(response="utter_joined", number=case.number)
    return Draft().events(job=None, case_number=case.number)
