"""Words that may mean danger get the numbers to call, and a button that makes it an emergency."""

from __future__ import annotations

import pytest

from cases.desk import Desk
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


def test_who_is_safe_again_is_not_told_to_call(resident: Resident, desk: Desk) -> None:
    filed = resident.say("我崽在河边不见了，快救人")
    assert filed.number
    told = resident.say("找到了没事了，在桥那边")
    assert "平安" in told.text and filed.number in told.text
    assert "找到了没事了，在桥那边" in desk.case(filed.number).words


def test_impatience_is_no_emergency(resident: Resident) -> None:
    for words in ("算了，我要撤了，看到有人在修了", "急死人了，你们快点", "再说一遍，编号是多少"):
        assert "紧急事项" not in resident.say(words).text
