"""Answers questions on services, regulations and law from the library, with sources, or says that it doesn't know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.danger import warn
from actions.office import Office, office
from actions.turn import Turn
from cases.case import Message
from cases.redact import PUBLIC, redact
from knowledge.library import Answer, Source
from knowledge.rephrase import rephrase
from knowledge.shelf import BAD, UNANSWERED

QUOTE_LENGTH = 160
#: lines of sources in the text; all of them go with the message
CITED_SHOWN = 4
#: a guide of more lines is told in short, with how to go about it; the rest is a press away
STEPS_SHOWN = 5
ELDERS_STEPS = 3
#: jobs in which a short question belongs to what was told, of which it is so many of the last words
JOBS, LAST_WORDS = ("report_problem", "consult_law"), 2
#: so short, a question belongs to what was told before it
FEW_WORDS = {"zh": 20, "en": 60}
#: what may be asked of a report itself
OF_A_REPORT = frozenset({"takes", "costs", "bring"})
#: the button under an answer that was of no use
USELESS = "useless"


class ActionAsk(Action):
    """One question, one answer; the topic is kept for follow-ups."""

    def name(self) -> str:
        """See parent class."""
        return "action_ask"

    async def run(self, said: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """See parent class."""
        turn, at = Turn.of(tracker), office()
        warn(said, turn)
        chosen, part = turn.code("guide"), turn.code("part")
        if part == USELESS:
            question = question_of(at.desk.transcript(turn.conversation_id))
            at.shelf.asked(redact(question, PUBLIC), turn.language, BAD, turn.slots.get("about"))
            said.utter_message(response="utter_useless")
            return []
        if chosen and part:
            tell(said, turn, at.library.part(chosen, part, turn.language), at)
            return understood(turn, chosen)
        waiting = " ".join(turn.slots.get("words") or ()) if turn.pressed and not turn.slots.get("job") else ""
        question = at.library.title(chosen, turn.language) if chosen else waiting or turn.text
        if turn.pressed and not chosen and not waiting:
            said.utter_message(response="utter_ask_question")
            return []
        about, job = chosen or turn.slots.get("about"), turn.slots.get("job")
        asked = at.library.asks_for(question, turn.language)
        if job == "report_problem" and asked in OF_A_REPORT and not about:
            said.utter_message(response=f"utter_report_{asked}")
            return []
        belongs = job in JOBS and not chosen and len(question) <= FEW_WORDS[turn.language]
        told = " ".join((turn.slots.get("words") or ())[-LAST_WORDS:]) if belongs else ""
        answer = at.library.answer(question, turn.language, about=about, told=told)
        answer = await in_other_words(answer, turn, at)
        if answer.declined:
            at.shelf.asked(redact(question, PUBLIC), turn.language, UNANSWERED)
        tell(said, turn, answer, at)
        return understood(turn, answer.about or turn.slots.get("about"))


def understood(turn: Turn, about: str | None) -> list[dict[str, Any]]:
    """The topic is kept; outside of a job what was not understood before counts no more."""
    return [SlotSet("about", about), *([] if turn.slots.get("job") else [SlotSet("tries", 0.0)])]


async def in_other_words(answer: Answer, turn: Turn, at: Office) -> Answer:
    """The answer as a county's own model puts it, where there is one and it adds nothing."""
    if answer.declined or at.model is None:
        return answer
    ground = [*answer.steps, *(source.text for source in answer.sources)]
    return replace(answer, short=await rephrase(answer.short, ground, turn.language, at.model))


def tell(said: CollectingDispatcher, turn: Turn, answer: Answer, at: Office) -> None:
    """Short answer, steps, sources; close readings and the rest of a long guide as buttons; nothing found is said."""
    if answer.declined and answer.short:
        said.utter_message(response="utter_cannot_tell", why=answer.short)
        return
    if answer.declined:
        said.utter_message(response="utter_dont_know")
        return
    if answer.choices and not answer.short:
        buttons = [{"title": title, "payload": f'/ask{{"guide": "{code}"}}'} for code, title in answer.choices]
        said.utter_message(response="utter_which_one", buttons=buttons)
        return
    parts = at.library.parts(answer.about or "")
    whole = bool(parts) and len(answer.steps) > (ELDERS_STEPS if turn.elders else STEPS_SHOWN)
    told = at.library.how(answer.about or "", turn.language) if whole else answer.steps
    steps = "\n".join(told[:ELDERS_STEPS] if whole and turn.elders else told)
    cited = [cite(s, at, turn.language, short=True) for s in answer.sources]
    said.utter_message(
        response="utter_answer" if cited else "utter_answer_bare",
        short=answer.short,
        steps=(f"\n{steps}" if steps else "") + ("\n" if cited else ""),
        sources="\n".join([*dict.fromkeys(cited)][:CITED_SHOWN]),
        buttons=[
            *(part_button(answer.about or "", part, at, turn.language) for part in parts if whole),
            {"title": at.term("useless", turn.language), "payload": f'/ask{{"part": "{USELESS}"}}'},
        ],
        json_message={"sources": grounds(answer.sources)},
    )


def question_of(transcript: Sequence[Message]) -> str:
    """What the resident had asked when the last answer with sources was given; empty where there is none."""
    answered = max((n for n, message in enumerate(transcript) if message.sources), default=0)
    return next((message.text for message in transcript[:answered][::-1] if message.author == "resident"), "")


def part_button(code: str, part: str, at: Office, language: str) -> dict[str, str]:
    """One field of the guide just told, a press away."""
    return {"title": at.library.label(part, language), "payload": f'/ask{{"guide": "{code}", "part": "{part}"}}'}


def cite(source: Source, at: Office, language: str, short: bool = False) -> str:
    """One source in a line: law, article and since when; or guide and date of check."""
    if source.type == "service":
        title = at.library.title(source.code or "", language) or source.title
        return at.term("source_service", language, title=title, checked=source.checked or "")
    law = at.library.law_name(source.law or "", language)
    line = at.term("source_statute", language, law=law, article=source.article, since=source.effective or "")
    if short:
        return line
    text = source.text if len(source.text) <= QUOTE_LENGTH else source.text[:QUOTE_LENGTH] + "…"
    return at.term("quote", language, line=line, text=text)


def grounds(sources: Iterable[Source]) -> list[dict[str, Any]]:
    """The sources as rows for the page, which shows the full text on demand."""
    return [asdict(s) for s in sources]
