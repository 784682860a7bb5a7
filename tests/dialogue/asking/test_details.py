"""One detail of a service is answered with that detail; what nobody here can know is said to be so."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident


def test_who_asks_for_one_detail_gets_that_detail(resident: Resident) -> None:
    told = resident.say("低保一个月多少钱")
    assert "能领多少" in told.text and "低保标准" in told.text and "入户调查" not in told.text


def test_the_second_step_of_what_was_told_can_be_asked_for(resident: Resident) -> None:
    resident.say("身份证丢了怎么补")
    told = resident.say("第二个呢")
    assert told.text.startswith("2.") and "填表" in told.text


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("我申请的低保批下来没有", "看不到"),
        ("二楼管社保的小王电话多少", "人"),
    ],
)
def test_what_nobody_here_can_know_is_said_and_a_person_is_offered(
    question: str, told: str, resident: Resident
) -> None:
    heard = resident.say(question)
    assert told in heard.text and "转人工" in heard.buttons and heard.sources == []


def test_an_answer_that_was_no_help_is_noted(resident: Resident) -> None:
    resident.say("身份证丢了怎么补")
    told = resident.press("没答到点上")
    assert "记下" in told.text and "转人工" in told.buttons
