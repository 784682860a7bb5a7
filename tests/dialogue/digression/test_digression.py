"""Residents ask something in the middle, and the job goes on afterwards."""

from __future__ import annotations

from tests.dialogue.resident import Resident


def test_a_question_in_the_middle_is_answered_and_the_report_goes_on(resident: Resident, case_of) -> None:
    resident.say("国瓷街道五里牌社区的路灯从上个月开始就不亮了")
    aside = resident.say("对了，身份证过期了怎么换？")
    assert aside.sources and "电话" in aside.rows[-1]["text"]
    resident.press("不留电话")
    case = case_of(resident.press("对，提交").number)
    assert len(case.words) == 1 and "身份证" not in case.words[0]


def test_why_do_you_ask_is_answered_and_the_question_comes_again(resident: Resident) -> None:
    resident.say("楼下的垃圾堆成山了，臭得很")
    told = resident.say("你问这个干什么")
    assert len(told.rows) == 2 and "哪里" in told.rows[-1]["text"]


def test_say_it_again_repeats_the_question(resident: Resident) -> None:
    asked = resident.say("楼下的垃圾堆成山了，臭得很").rows[-1]["text"]
    assert resident.say("再说一遍").rows[-1]["text"] == asked


def test_a_draft_is_still_there_after_a_greeting(resident: Resident) -> None:
    resident.say("楼下的垃圾堆成山了，臭得很")
    assert "哪里" in resident.say("你好").rows[-1]["text"]
