"""Behind the number one question of the category, which nobody has to answer."""

from __future__ import annotations

import pytest

from cases.desk import Desk
from tests.cases.moves import walk
from tests.dialogue.resident import Resident

LAMP = "国瓷街道五里牌社区的路灯从上个月开始就不亮了"


@pytest.fixture
def filed(resident: Resident) -> Resident:
    resident.say(LAMP)
    resident.press("不留电话")
    assert "编号" in resident.press("对，提交").text and "灯杆" in resident.last.text
    return resident


@pytest.mark.parametrize("said", ["整条街都不亮，编号是C12", "就学校门口那一盏", "一片都黑了"])
def test_the_answer_goes_into_the_case(filed: Resident, case_of, said: str) -> None:
    number = filed.last.number
    assert filed.say(said).number == number
    assert case_of(number).words == (LAMP, said)


@pytest.mark.parametrize("said", ["不用补充了", "不晓得", "没有了", "谢谢"])
def test_nobody_has_to_answer(filed: Resident, case_of, said: str) -> None:
    number = filed.last.number
    filed.say(said)
    assert case_of(number).words == (LAMP,)


def test_another_matter_opens_another_report(filed: Resident, case_of) -> None:
    number = filed.last.number
    assert "哪里" in filed.say("还有一件事，楼下餐馆的油烟直接排到我家里").text
    assert case_of(number).words == (LAMP,)


def test_a_question_behind_the_number_is_answered(filed: Resident) -> None:
    assert filed.say("身份证丢了怎么补办").sources


def closed(desk: Desk, number: str) -> None:
    """The case through its steps to the day it is closed."""
    walk(desk, desk.case(number), "register", "dispatch", "accept", "answer", "close")


def test_a_rating_is_no_answer_to_that_question(filed: Resident, desk: Desk) -> None:
    number = filed.last.number
    closed(desk, number)
    filed.say("5 分")
    case = desk.case(number)
    assert case.rating == 5 and case.words == (LAMP,)


def test_a_rating_in_the_middle_of_another_report_is_taken_and_the_report_goes_on(filed: Resident, desk: Desk) -> None:
    number = filed.last.number
    filed.tell("不用补充了", "官庄镇的垃圾一个星期没人收了")
    closed(desk, number)
    told = filed.say("5 分")
    assert desk.case(number).rating == 5
    assert "电话" in told.rows[-1]["text"]


def test_who_told_enough_is_asked_nothing_more(resident: Resident) -> None:
    resident.say(
        "国瓷街道五里牌社区学校门口整条街的路灯从上个月开始就不亮了，一共七八盏，灯杆编号看不清，学生下晚自习都害怕"
    )
    resident.press("不留电话")
    assert len(resident.press("对，提交").rows) == 1


def test_the_question_is_put_in_english_too(resident: Resident) -> None:
    resident.say("The street lamp in Guoci has been out since last month")
    resident.press("Leave none")
    assert "post has a number" in resident.press("Yes, submit").text


def test_a_low_rating_opens_the_case_again_and_says_so(filed: Resident, desk: Desk) -> None:
    number = filed.last.number
    closed(desk, number)
    told = filed.say("1 分")
    assert "重新打开" in told.text and desk.case(number).status == "reopened"
    filed.say("灯还是不亮")
    assert "灯还是不亮" in str(desk.timeline(desk.case(number).id)[-1].note)


def test_words_on_a_closed_case_are_kept_and_it_is_opened_again_if_wanted(filed: Resident, desk: Desk) -> None:
    number = filed.last.number
    closed(desk, number)
    told = filed.say("我要补充一下，灯又坏了")
    assert "重新打开" in told.text and desk.case(number).status == "closed"
    assert "重新打开" in filed.press("没解决，重新打开").text
    assert desk.case(number).status == "reopened"


def test_words_on_a_closed_case_need_not_open_it(filed: Resident, desk: Desk) -> None:
    number = filed.last.number
    closed(desk, number)
    filed.say("我要补充一下，换上去的是太阳能灯")
    filed.press("不用")
    assert desk.case(number).status == "closed"


def test_a_resident_is_told_who_looked_and_why(filed: Resident, desk: Desk) -> None:
    case = desk.case(filed.last.number)
    assert "还没有工作人员" in filed.say("谁看过我的电话").text
    desk.look(case.number, actor="example-operator", role="operator")
    desk.reveal(case.id, actor="example-operator", role="operator", reason="回电话核实地点")
    told = filed.say("谁看过我的电话").text
    assert "坐席" in told and "回电话核实地点" in told and "示例坐席" not in told
