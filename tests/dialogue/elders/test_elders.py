"""The mode for older people: a person sooner, shorter answers."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident


@pytest.fixture
def elder(resident: Resident) -> Resident:
    resident.set(elders="1")
    return resident


def test_a_person_is_a_press_away_on_every_answer(elder: Resident) -> None:
    for words in ("你好", "身份证怎么换", "路灯坏了", "国瓷街道", "讲个笑话"):
        assert "转人工" in elder.say(words).buttons, words


def test_one_failure_is_enough_for_a_person(elder: Resident) -> None:
    elder.tell("路灯坏了半个月", "国瓷街道", "13812345")
    assert elder.last.holder == "waiting"


def test_answers_are_shorter_than_for_others(elder: Resident, neighbour: Resident) -> None:
    question = "身份证丢了怎么补办"
    assert len(elder.say(question).text) < len(neighbour.say(question).text)


def test_the_mode_can_be_left(elder: Resident) -> None:
    elder.set(elders="0")
    assert "转人工" not in elder.say("身份证怎么换").buttons
