"""Residents change their mind."""

from __future__ import annotations

from tests.dialogue.resident import Resident


def test_a_dropped_report_files_nothing(resident: Resident) -> None:
    resident.say("楼下的垃圾堆成山了，臭得很")
    assert "没有提交" in resident.say("算了，不报了").text
    assert "还没有提交过" in resident.say("我的诉求办到哪一步了").text


def test_after_cancelling_a_new_matter_starts_clean(resident: Resident, case_of) -> None:
    resident.tell("楼下的垃圾堆成山了，臭得很", "算了，不报了")
    resident.say("官庄镇政府门口的井盖从昨天开始就不见了")
    resident.press("不留电话")
    assert case_of(resident.press("对，提交").number).words == ("官庄镇政府门口的井盖从昨天开始就不见了",)


def test_a_case_is_withdrawn_only_after_a_yes(resident: Resident, case_of) -> None:
    resident.say("国瓷街道五里牌社区的路灯从上个月开始就不亮了")
    resident.press("不留电话")
    number = resident.press("对，提交").number
    resident.say("我要撤回这个投诉")
    assert case_of(number).status == "reported"
    resident.press("确定撤回")
    assert case_of(number).status == "withdrawn"


def test_a_question_dropped_in_the_middle_leaves_the_report(resident: Resident, case_of) -> None:
    words = "官庄镇政府门口的水沟堵了，臭得要死"
    resident.tell(words, "还有，我想问下低保一个月多少钱", "算了先报水沟", "上个月", "不留电话")
    assert case_of(resident.press("对，提交").number).words == (words,)
