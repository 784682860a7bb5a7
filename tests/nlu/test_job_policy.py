"""Which action comes next while a job waits for an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from nlu.components.job_policy import next_action

DOMAIN = Domain.load("domain.yml")


def conversation(
    intent: str,
    sure: float = 0.9,
    entities: dict[str, Any] | None = None,
    holder: str = "bot",
    then: str | None = None,
    text: str = "…",
    **slots: Any,
) -> DialogueStateTracker:
    tracker = DialogueStateTracker("web:1", DOMAIN.slots)
    events = [SlotSet(name, value) for name, value in slots.items()]
    events += [ActionExecuted("action_listen")]
    found = [{"entity": name, "value": value} for name, value in (entities or {}).items()]
    events += [UserUttered(text, {"name": intent, "confidence": sure}, found, metadata={"holder": holder})]
    events += [ActionExecuted(then)] if then else []
    tracker.update_with_events(events, DOMAIN)
    return tracker


REPORT = {"job": "report_problem"}


def test_without_a_job_the_rules_decide() -> None:
    assert next_action(conversation("ask")) is None


def test_what_is_hardly_understood_is_asked_about() -> None:
    assert next_action(conversation("ask", sure=0.2)) == "action_clarify"


@pytest.mark.parametrize("intent", ["inform", "affirm", "report_problem", "praise", "suggest"])
def test_an_answer_goes_to_the_job_that_asked(intent: str) -> None:
    assert next_action(conversation(intent, asked="where", **REPORT)) == "action_report_problem"


def test_a_clear_question_in_the_middle_is_answered_first() -> None:
    assert next_action(conversation("ask", asked="contact", **REPORT)) is None
    assert next_action(conversation("ask", then="action_ask", asked="contact", **REPORT)) == "action_resume"


def test_a_place_answers_where_even_if_it_looks_like_a_question() -> None:
    asked = conversation("ask", entities={"town": "430281004"}, asked="where", **REPORT)
    assert next_action(asked) == "action_report_problem"


def test_a_story_told_as_a_question_is_still_the_story() -> None:
    assert next_action(conversation("ask", sure=0.6, asked="what", **REPORT)) == "action_report_problem"


@pytest.mark.parametrize("intent", ["human", "danger", "cancel"])
@pytest.mark.parametrize("asked", ["what", "where", "since", "contact", "confirm"])
def test_a_person_danger_and_cancelling_pass_from_every_question(intent: str, asked: str) -> None:
    assert next_action(conversation(intent, asked=asked, **REPORT)) is None


def test_while_a_person_holds_the_conversation_the_bot_only_listens() -> None:
    assert next_action(conversation("greet", holder="staff")) == "action_listen"
    assert next_action(conversation("report_problem", holder="staff", asked="where", **REPORT)) == "action_listen"


def test_while_a_person_is_awaited_the_bot_says_so_and_may_be_called_back() -> None:
    assert next_action(conversation("report_problem", holder="waiting", asked="where", **REPORT)) == "action_waiting"
    assert next_action(conversation("continue_job", holder="waiting")) == "action_take_back"


def test_urgency_that_only_sounds_like_danger_answers_the_question_for_it() -> None:
    said = {"danger": "other"}
    assert next_action(conversation("danger", entities=said, asked="urgent", job="consult_law")) == "action_consult_law"
    assert next_action(conversation("danger", entities={"danger": "fire"}, asked="urgent", job="consult_law")) is None


def test_danger_is_answered_even_while_a_person_holds_the_conversation() -> None:
    assert next_action(conversation("danger", holder="staff")) == "action_danger"


def test_a_job_that_has_asked_waits() -> None:
    assert next_action(conversation("inform", then="action_report_problem", asked="where", **REPORT)) == "action_listen"


def test_another_language_goes_to_a_person() -> None:
    assert next_action(conversation("offtopic", entities={"foreign": "ru"})) == "action_foreign"


@pytest.mark.parametrize("file", sorted(Path("nlu/rules").rglob("*.yml")), ids=str)
def test_every_rule_looks_at_one_message_alone(file: Path) -> None:
    """So the policy may look at the state now, and not at all states before it."""
    for rule in yaml.safe_load(file.read_text(encoding="utf-8"))["rules"]:
        assert [set(step) for step in rule["steps"]] == [{"intent"}, {"action"}], rule
        assert set(rule) == {"rule", "steps"}


@pytest.mark.parametrize("text", ["算了先报水沟", "不问了，还是先讲路灯的事", "never mind, the drain first"])
def test_never_mind_that_first_this_goes_on_with_what_was_begun(text: str) -> None:
    assert next_action(conversation("cancel", text=text, asked="since", **REPORT)) == "action_resume"


@pytest.mark.parametrize("text", ["算了，不报了", "never mind"])
def test_never_mind_alone_ends_it(text: str) -> None:
    assert next_action(conversation("cancel", text=text, asked="since", **REPORT)) is None


def test_a_report_told_in_fear_is_a_report_and_fear_alone_is_answered() -> None:
    told = {"category": "party.corruption", "signal": "privacy"}
    assert next_action(conversation("report_problem", entities=told)) is None
    assert next_action(conversation("report_problem", entities={"signal": "privacy"})) == "action_why_ask"


@pytest.mark.parametrize("asked", ["contact", "confirm"])
def test_a_phone_number_is_for_the_case_whatever_the_words_around_it_sound_like(asked: str) -> None:
    told = conversation("why_ask", entities={"contact": "13812345678"}, asked=asked, **REPORT)
    assert next_action(told) == "action_report_problem"
