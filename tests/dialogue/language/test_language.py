"""One language a conversation, changed by the resident."""

from __future__ import annotations

import re

from tests.dialogue.resident import Resident

HAN = re.compile(r"[一-鿿]")


def test_english_stays_english_through_a_report(resident: Resident) -> None:
    resident.say("Garbage has been piling up behind our building for two weeks and nobody comes")
    for text in ("Guoci subdistrict", "no phone please"):
        assert not HAN.search(resident.last.rows[-1]["text"].split("\n")[0]), resident.last.text
        resident.say(text)


def test_a_place_name_in_english_does_not_change_a_chinese_conversation(resident: Resident) -> None:
    resident.say("楼下的垃圾堆成山了，臭得很")
    assert HAN.search(resident.say("Guoci").rows[-1]["text"])


def test_the_language_changes_when_the_resident_says_so(resident: Resident) -> None:
    resident.say("你好")
    assert "English" in resident.say("English please").text
    assert "中文" in resident.say("请说中文").text


def test_another_language_is_handed_to_a_person(resident: Resident) -> None:
    told = resident.say("Здравствуйте, у меня проблема с водой в доме, помогите пожалуйста")
    assert told.holder == "waiting" and HAN.search(told.text) and "staff" in told.text


def test_an_english_greeting_is_answered_in_english(resident: Resident) -> None:
    assert not HAN.search(resident.say("hello").text)


def test_an_english_address_is_no_foreign_language(resident: Resident) -> None:
    resident.say("The water has been off since Monday")
    assert resident.say("Room 502 building 3, Longmen Garden, Lailongmen street").holder == "bot"
