"""Takes a legal problem: tells the law in force, then brings the facts to the adviser of the resident's grid."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.ask import FEW_WORDS, cite, grounds
from actions.danger import warn
from actions.draft import PLACE, Draft, only_contact
from actions.office import Office, office
from actions.report_problem import choose_field, fresh, hand_over, patience, place_buttons, read_back
from actions.turn import Turn
from nlu.facts import Facts, facts

LAW_SHOWN = 3
FACTS_LEAST = 25
#: so many of the last words are what the law is asked for
LAST_WORDS = 3
NOT_URGENT = re.compile(
    r"不(?:是很|是蛮|怎么|太|蛮)?(?:着)?急|\bnot (?:so |that |very )?urgent\b|\bno (?:hurry|rush)\b", re.IGNORECASE
)
#: who asks for a lawyer asks about his trouble, not about lawyers
LAWYER = re.compile(
    r"我?(?:想|要|能|可以)?(?:不能)?(?:帮我)?(?:找|请|问|咨询)(?:一?下|一?个)?(?:律师|法律顾问)(?:问问|咨询一?下)?"
    r"|\bI (?:want|need|would like)(?: to (?:see|have|ask|speak to))? a lawyer\b",
    re.IGNORECASE,
)
#: what asks, whatever else it is taken for
ASKS = re.compile(
    r"[吗嘛么呢？?]\s*$|行不行|可不可以|能不能|何式|怎么|为什么|为么子|到底|\b(?:can|could|may|what|how|where) "
)
#: a consultation that the resident lets go
GIVES_UP = re.compile(r"(?:算了|不问了|不咨询了|莫问了)[吧啊呀了。！!\s]*$|\b(?:forget|drop) it\b", re.IGNORECASE)
#: messages back in which law that was told counts as just told
LATELY = 20
#: so short, the last words ("I want a lawyer") are no question by themselves
NO_QUESTION = {"zh": 8, "en": 25}
#: intents that ask rather than answer
QUESTIONS = frozenset({"consult_law", "ask", "explain", "unsure"})
URGENT = "urgent"


class ActionConsultLaw(Action):
    """One turn of a consultation."""

    def name(self) -> str:
        """See parent class."""
        return "action_consult_law"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        warn(said, turn)
        draft = opened(turn)
        draft = named_at_last(draft, turn, at)
        if draft.asked == "confirm" and turn.intent == "affirm":
            return file_consultation(said, turn, draft, at)
        if draft.asked == "adviser" and turn.intent == "deny":
            said.utter_message(response="utter_adviser_declined")
            return Draft().events(job=None)
        if draft.words and draft.asked != "confirm" and GIVES_UP.search(turn.text):
            said.utter_message(response="utter_adviser_declined")
            return Draft().events(job=None)
        asks = draft.asked in ("adviser", "urgent") and bool(ASKS.search(turn.text) or is_question(draft, turn))
        new = not draft.citations and "law" not in draft.skipped and draft.asked != "facts"
        heard = choose_field(draft.hear(turn), turn)
        if asks and turn.text not in heard.words:
            heard = replace(heard, words=(*heard.words, turn.text))
        draft = replace(heard if asks else hear_choices(heard, turn), kind="consultation")
        if (new or asks) and draft.words:
            draft = tell_law(said, turn, draft, at)
        return ask_next(said, turn, draft, at)


def is_question(draft: Draft, turn: Turn) -> bool:
    """Whether the words at the offer of an adviser ask rather than answer; who wants a lawyer then says yes."""
    wants = LAWYER.fullmatch(turn.text.strip(" ，,。.！!"))
    return draft.asked == "adviser" and turn.intent in QUESTIONS and not (turn.pressed or wants)


def named_at_last(draft: Draft, turn: Turn, at: Office) -> Draft:
    """At the read-back, words that name the other side belong to the matter: the adviser must not serve both."""
    if draft.asked != "confirm" or turn.pressed or turn.text in draft.words or not told_facts((turn.text,), at).named:
        return draft
    return replace(draft, words=(*draft.words, turn.text))


def told_facts(words: tuple[str, ...], at: Office) -> Facts:
    """What the words tell of a dispute, as of now in the county."""
    return facts(words, at.desk.clock().astimezone(at.county.zone))


def other_side(draft: Draft, at: Office, language: str) -> str:
    """Whom the matter is with, as it was understood; where nobody can be told from others, why a name helps."""
    told = told_facts(draft.words, at)
    parties = [f"{at.term(f'party_{o.role}', language)}{f' {o.name}' if o.name else ''}" for o in told.opponents]
    names = at.term("joint", language).join(parties) or at.term("not_given", language)
    return names if told.named else at.term("party_unnamed", language, parties=names)


def opened(turn: Turn) -> Draft:
    """The consultation in hand, unless a long question at the offer of an adviser opens another; a report that turns
    into a consultation by a few words ("I want a lawyer") hands on what was told."""
    before, few = Draft.of(turn), len(turn.text) <= FEW_WORDS[turn.language]
    job = turn.slots.get("job")
    if job == "consult_law" and (few or turn.pressed or before.asked != "adviser" or turn.intent not in QUESTIONS):
        return before
    if job == "report_problem" and few and before.words:
        return before.only("words", "signals", "legal_topic", *PLACE, "place_choices", "contact", "contact_withheld")
    return fresh(turn)


def hear_choices(draft: Draft, turn: Turn) -> Draft:
    """Yes and no to the questions that only this job asks."""
    if draft.asked == "adviser":
        return draft if is_question(draft, turn) else draft.skip("adviser")
    if draft.asked == "urgent" and NOT_URGENT.search(turn.text):
        return replace(draft, urgent=False)
    if draft.asked == "urgent" and turn.intent in ("affirm", "deny", "unsure", "danger"):
        return replace(draft, urgent=turn.intent in ("affirm", "danger"))
    if draft.asked == "urgent" and not turn.pressed:
        urgent = True if URGENT in turn.codes.get("signal", ()) else None
        told = () if only_contact(turn) else (turn.text,)
        return replace(draft, urgent=urgent, words=tuple(dict.fromkeys((*draft.words, *told))))
    return draft.skip("facts") if draft.asked == "facts" else draft


def tell_law(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> Draft:
    """General law first, with its source; nothing found is said, never filled."""
    *before, last = draft.words[-LAST_WORDS:]
    question = " ".join([*before, last])
    last = LAWYER.sub("", last).strip(" ，,。.") or last
    whole = bool(before) and len(last) <= NO_QUESTION[turn.language]
    answer = at.library.answer(question if whole else last, turn.language, told=" ".join(before))
    if answer.choices and not answer.short:  # the adviser sees to which of them it is
        answer = at.library.answer(answer.choices[0][1], turn.language)
    found = [s for s in answer.sources if s.type == "statute"][: 1 if turn.elders else LAW_SHOWN]
    if found and answer.short:
        lines = [answer.short, *(cite(source, at, turn.language, short=True) for source in found)]
    else:
        found = at.library.law(question, top=LAW_SHOWN, topic=draft.legal_topic)
        lines = [cite(source, at, turn.language) for source in found]
    first = "law" not in draft.skipped
    draft = draft.skip("law")
    if not found:
        said.utter_message(response="utter_law_unknown")
        if first:
            tell_counsel(said, turn, draft, at)
        return draft
    cited = tuple(f"{s.law}#{s.article}" for s in found)
    if cited == draft.citations and told_before(lines[0], turn, at):
        said.utter_message(response="utter_law_same", told=lines[0])
        return draft
    said.utter_message(response="utter_law", quotes="\n".join(lines), json_message={"sources": grounds(found)})
    if first:
        tell_counsel(said, turn, draft, at)
    return replace(draft, citations=cited)


def told_before(line: str, turn: Turn, at: Office) -> bool:
    """Whether these very words were said to the resident lately."""
    lately = at.desk.transcript(turn.conversation_id, tail=LATELY, own=True)
    return any(message.author == "bot" and line in message.text for message in lately)


def tell_counsel(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> None:
    """How long there is, what proof to keep, which doors are open; older people hear only the first of each."""
    counsel, language = at.library.counsel(draft.legal_topic), turn.language
    shown = 1 if turn.elders else None
    periods = [
        at.term(
            "period",
            language,
            text=one.words[language],
            law=at.library.law_name(one.ground.law, language),
            article=one.ground.article,
        )
        for one in counsel.periods[:shown]
    ]
    routes = at.term("joint", language).join(words[language] for words, _ in counsel.routes[:shown])
    said.utter_message(
        response="utter_counsel",
        periods="".join(f"{line}\n" for line in periods),
        proof=counsel.proof[language],
        routes=routes,
    )


def next_question(draft: Draft) -> str:
    """Code of the next question; "adviser" asks whether the resident wants one at all."""
    if not draft.words:
        return "facts"
    if "adviser" not in draft.skipped:
        return "adviser"
    if sum(map(len, draft.words)) < FACTS_LEAST and "facts" not in draft.skipped:
        return "facts"
    if draft.urgent is None:
        return "urgent"
    if draft.place_choices:
        return "place_choice"
    if not draft.placed:
        return "town"
    if not draft.contact and draft.contact_withheld is None:
        return "contact"
    return "confirm"


def ask_next(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> list[dict[str, Any]]:
    """Utters the next question; the second failure of one goes to a person."""
    draft = draft.ask(next_question(draft), Draft.of(turn))
    if draft.tries >= patience(turn):
        hand_over(said, turn, at)
        return draft.events(job="consult_law", tries=0.0)
    utter(said, turn, draft, at)
    return draft.events(job="consult_law")


def utter(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> None:
    """Says the question that waits."""
    if draft.asked == "confirm":
        blanks = read_back(draft, at, turn.language)
        topic = draft.legal_topic
        blanks["topic"] = at.term(f"topic_{topic}", turn.language) if topic else at.term("not_given", turn.language)
        blanks["opponents"] = other_side(draft, at, turn.language)
        blanks["urgent"] = at.term("urgent_yes" if draft.urgent else "urgent_no", turn.language)
        said.utter_message(response="utter_read_back_law", **blanks)
    elif draft.asked == "place_choice":
        said.utter_message(response="utter_ask_place_choice", buttons=place_buttons(draft, at, turn.language))
    else:
        said.utter_message(response=f"utter_ask_{draft.asked}" + ("_again" if draft.tries else ""))


def file_consultation(said: CollectingDispatcher, turn: Turn, draft: Draft, at: Office) -> list[dict[str, Any]]:
    """Files the consultation with the grid's adviser and says by when an answer is due."""
    signals = (*draft.signals, URGENT) if draft.urgent and URGENT not in draft.signals else draft.signals
    matter = replace(draft, signals=signals).matter(turn, turn.conversation_id)
    case = at.desk.file(replace(matter, facts=told_facts(draft.words, at).as_json()))
    said.utter_message(
        response="utter_filed_consultation", number=case.number, due=at.moment(case.due_at, turn.language)
    )
    return Draft().events(job=None, case_number=case.number)
