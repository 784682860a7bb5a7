"""Residents change what they said."""

from __future__ import annotations

from tests.dialogue.resident import Resident

LAMP = "国瓷街道五里牌社区的路灯从上个月开始就不亮了"


def test_a_place_is_corrected_at_the_read_back(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    resident.press("不留电话")
    resident.say("不是国瓷，是来龙门街道")
    assert "来龙门" in resident.last.text
    assert case_of(resident.press("对，提交").number).town == "430281006"


def test_a_field_that_is_only_named_is_asked_anew(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    resident.press("不留电话")
    assert "哪里" in resident.press("改地点").text
    assert "白兔潭" in resident.say("白兔潭镇").text
    assert case_of(resident.press("对，提交").number).town == "430281102"


def test_a_phone_number_can_be_left_after_all(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    resident.press("不留电话")
    resident.say("还是留个电话吧，13900001234")
    case = case_of(resident.press("对，提交").number)
    assert not case.contact_withheld and "13900001234" not in (case.contact or "")


def test_a_place_is_corrected_in_the_middle(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    resident.say("说错了，不是国瓷街道，是阳三石街道")
    resident.press("不留电话")
    assert case_of(resident.press("对，提交").number).town == "430281002"


def test_a_place_corrected_while_the_time_is_asked_is_not_taken_for_the_time(resident: Resident, case_of) -> None:
    resident.tell("这边的路烂得不成样子了", "浦口镇")
    told = resident.say("不是浦口，是李畋镇麻石村")
    assert "什么时候" in told.text
    resident.tell("去年三月", "不留电话")
    case = case_of(resident.say("对，提交").number)
    assert case.since_said == "去年三月" and case.village and "浦口" not in (case.place_said or "")
