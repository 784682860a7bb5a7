"""One message, several matters: shown, confirmed, filed one by one for their own units."""

from __future__ import annotations

import pytest

from cases.desk import Desk
from tests.dialogue.resident import Resident

TWO = "国瓷街道五里牌社区的路灯坏了一个月没人修，另外隔壁工厂老板拖欠我三个月工资不给"


def test_two_matters_are_shown_and_become_two_cases_of_their_own_units(resident: Resident, case_of) -> None:
    shown = resident.say(TWO)
    assert "2 件事" in shown.text and "路灯" in shown.text and "工资" in shown.text
    resident.press("分开登记")
    resident.tell("不留电话")
    filed = resident.press("对，提交")
    first, second = (case_of(number) for number in filed.numbers)
    assert {first.category.split(".")[0], second.category.split(".")[0]} == {"urban", "labour"}
    assert "".join(first.words + second.words) == TWO


def test_matters_that_belong_together_stay_one_case_with_all_words(resident: Resident, case_of) -> None:
    resident.say(TWO)
    resident.press("合成一件")
    resident.say("不留电话")
    filed = resident.press("对，提交")
    assert len(filed.numbers) == 1 and case_of(filed.number).words == (TWO,)


def test_splitting_can_be_said_instead_of_pressed(resident: Resident) -> None:
    resident.say(TWO)
    resident.tell("分开登记吧", "不留电话")
    assert len(resident.press("对，提交").numbers) == 2


def test_each_matter_keeps_its_own_place(resident: Resident, case_of) -> None:
    resident.say("官庄镇的路灯坏了半个月没人修，还有白兔潭镇那边的垃圾堆成山没人收")
    resident.press("分开登记")
    resident.say("不留电话")
    towns = {case_of(number).town for number in resident.press("对，提交").numbers}
    assert len(towns) == 2


def test_two_matters_are_told_apart_in_english(resident: Resident, case_of) -> None:
    shown = resident.say(
        "The street lamp in Guoci has been out since last month. Also my boss has not paid my wages for three months."
    )
    assert "2 matters" in shown.text
    resident.press("One by one")
    resident.press("Leave none")
    assert len(resident.press("Yes, submit").numbers) == 2


@pytest.mark.parametrize(
    "words",
    [
        "国瓷街道五里牌社区的路灯坏了一个月，晚上黑得很，老人走路摔了两次，打电话也没人管",
        "国瓷街道五里牌社区路灯坏了，另外我的电话是13812345678，请尽快处理",
    ],
)
def test_reasons_and_contacts_are_no_second_matter(resident: Resident, words: str) -> None:
    assert "件事" not in resident.say(words).text


def test_two_matters_filed_twice_with_one_confirmation_are_two_cases(resident: Resident, desk: Desk) -> None:
    resident.tell(TWO, "分开登记", "不留电话")
    first = resident.say("对，提交", ref="confirmed-1")
    again = resident.say("对，提交", ref="confirmed-1")
    assert first.numbers == again.numbers and len(set(first.numbers)) == 2


def test_one_of_the_matters_can_be_left_out(resident: Resident, case_of) -> None:
    resident.say(TWO)
    resident.tell("工资的不用报了", "不留电话")
    assert "2 件事" not in resident.last.text
    filed = resident.press("对，提交")
    assert len(filed.numbers) == 1 and "路灯" in case_of(filed.number).words[0]
    assert "工资" not in case_of(filed.number).words[0]


def test_the_matter_that_is_let_go_in_passing_is_the_one_left_out(resident: Resident) -> None:
    resident.say("我们小区电梯坏了半个月没人修，还有楼下的车乱停把消防通道堵了")
    resident.say("先说电梯的吧 停车的算了 不说了")
    resident.say("来龙门街道")
    told = resident.press("不留电话")
    assert "电梯坏了" in told.text and "消防通道" not in told.text


def test_who_says_that_it_is_one_matter_has_one(resident: Resident) -> None:
    resident.say("我们小区电梯坏了半个月没人修，还有楼下的车乱停把消防通道堵了")
    resident.say("就一件事咯")
    resident.say("来龙门街道")
    told = resident.press("不留电话")
    assert "1." not in told.text and "电梯坏了" in told.text and "消防通道" in told.text
