"""Somebody goes away and comes back."""

from __future__ import annotations

from tests.dialogue.resident import Resident
from tests.running import Installation


def test_a_draft_survives_a_restart_of_the_bot(running: Installation, resident: Resident, case_of) -> None:
    resident.tell("国瓷街道五里牌社区的路灯不亮了", "上个月")
    running.kill("bot")
    running.start("bot")
    resident.press("不留电话")
    assert "路灯" in case_of(resident.press("对，提交").number).words[0]


def test_what_waits_is_taken_up_when_asked(resident: Resident) -> None:
    resident.say("楼下的垃圾堆成山了，臭得很")
    resident.say("你好")
    assert "哪里" in resident.say("接着刚才的说").text


def test_what_waits_is_taken_up_in_english(resident: Resident) -> None:
    resident.say("rubbish is piling up and it stinks")
    resident.say("hello")
    assert "Where" in resident.say("let's continue").text


def test_nothing_waits_is_said(resident: Resident) -> None:
    assert resident.say("接着刚才的说").rows
