"""Words that may mean danger get the numbers to call, and a button that makes it an emergency."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident


@pytest.mark.parametrize(
    "words",
    ["路灯坏了", "the street lamp is broken", "身份证怎么办", "垃圾没人收", "物业费太贵了", "公交车总是不来"],
)
def test_everyday_matters_are_no_danger(resident: Resident, words: str) -> None:
    told = resident.say(words)
    assert "110" not in told.text and told.number is None


@pytest.mark.parametrize("words", ["墙歪得厉害，压着半间屋，里头住着两个老人", "桥洞里水漫上来了，车子卡在那里"])
def test_words_that_may_mean_danger_name_whom_to_call_first(resident: Resident, words: str) -> None:
    assert "110" in resident.say(words).text or "119" in resident.last.text


def test_one_press_makes_it_an_emergency_with_the_words_said(resident: Resident, case_of) -> None:
    resident.say("墙歪得厉害，压着半间屋，里头住着两个老人")
    if "有危险" in resident.last.buttons:
        resident.press("有危险")
    case = case_of(resident.last.number)
    assert case.emergency and case.words == ("墙歪得厉害，压着半间屋，里头住着两个老人",)
