"""Unclear words are met with the likeliest readings, never with a guess."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident


@pytest.mark.parametrize("words", ["那个", "嗯那个嘛你晓得的", "这个怎么讲呢", "1"])
def test_unclear_words_are_asked_about_with_a_person_in_reach(resident: Resident, words: str) -> None:
    told = resident.say(words)
    assert "/human" in told.buttons.values() and len(told.buttons) >= 3
    assert told.number is None


def test_unclear_english_is_asked_about_in_english(resident: Resident) -> None:
    told = resident.say("well you know that thing over there maybe")
    assert "Talk to a person" in told.buttons


def test_who_is_not_understood_again_is_asked_otherwise_and_then_handed_to_a_person(resident: Resident) -> None:
    first, second, third = (resident.say(words) for words in ("那个", "1", "那个"))
    assert first.text != second.text and next(iter(second.buttons)) == "转人工"
    assert third.holder == "waiting"


def test_an_answer_in_between_begins_anew(resident: Resident) -> None:
    resident.tell("那个", "嗯那个嘛你晓得的", "低保一个月多少钱")
    assert resident.say("这个怎么讲呢").holder == "bot"
