"""A matter that a neighbour reported already is offered to be followed, and nothing of the neighbour is told."""

from __future__ import annotations

from cases.desk import Desk
from tests.cases.moves import walk
from tests.dialogue.resident import Resident

FIRST = "国瓷街道五里牌社区的路灯从上个月开始就不亮了，我叫刘翠花"
AGAIN = "国瓷街道五里牌社区的路灯不亮了，上个月就坏了"


def file(someone: Resident, words: str = FIRST) -> str:
    someone.say(words)
    someone.press("不留电话")
    number = someone.press("对，提交").number
    assert number
    return number


def test_the_same_matter_is_offered_with_place_day_and_state_only(resident: Resident, neighbour: Resident) -> None:
    number = file(neighbour)
    told = resident.say(AGAIN).text
    assert "已有人反映" in told and "五里牌" in told and "等待立案" in told
    assert number not in told and "刘翠花" not in told and "不亮了" not in told


def test_whoever_follows_is_told_the_number_and_every_step(resident: Resident, neighbour: Resident, desk: Desk) -> None:
    number = file(neighbour)
    resident.say(AGAIN)
    assert resident.press("一起跟进").number == number
    case = desk.case(number)
    desk.move(case.id, "register", actor="example-operator", role="operator", version=case.version)
    assert desk.followers(case.id) == 1 and AGAIN in (desk.timeline(case.id)[1].note or "")
    notices = [m for m in resident.news(wait=5) if m["author"] == "notice"]
    assert number in notices[0]["text"]


def test_filing_separately_stays_possible(resident: Resident, neighbour: Resident, case_of) -> None:
    number = file(neighbour)
    resident.say(AGAIN)
    resident.press("单独登记")
    resident.press("不留电话")
    own = resident.press("对，提交").number
    assert own != number and case_of(own).words == (AGAIN,)


def test_another_matter_at_the_same_place_is_not_offered(resident: Resident, neighbour: Resident) -> None:
    file(neighbour)
    assert "已有人反映" not in resident.say("国瓷街道五里牌社区门口的垃圾一个星期没人收了").text


def test_the_same_matter_in_another_village_is_not_offered(resident: Resident, neighbour: Resident) -> None:
    file(neighbour)
    assert "已有人反映" not in resident.say("官庄镇的路灯不亮了，上个月就坏了").text


def test_ones_own_open_case_is_not_offered_as_somebody_elses(resident: Resident) -> None:
    file(resident)
    assert "已有人反映" not in resident.say(AGAIN).text


def test_a_follower_sees_the_state_but_not_the_others_words(resident: Resident, neighbour: Resident) -> None:
    file(neighbour)
    resident.say(AGAIN)
    resident.press("一起跟进")
    told = resident.say("我的诉求办到哪一步了").text
    assert "等坐席" in told and "刘翠花" not in told


def test_a_case_filed_in_english_is_offered_in_english(resident: Resident, neighbour: Resident) -> None:
    neighbour.say("The street lamps in Wulipai community, Guoci have been out since last month")
    neighbour.press("Leave none")
    number = neighbour.press("Yes, submit").number
    assert "already reported" in resident.say("Street lamps are out since last month in Wulipai community, Guoci").text
    assert resident.press("Follow it").number == number


def test_a_follower_of_a_closed_case_hears_of_no_limit_and_may_still_have_it_opened(
    resident: Resident, neighbour: Resident, desk: Desk
) -> None:
    number = file(neighbour)
    resident.say(AGAIN)
    resident.press("一起跟进")
    assert "派到承办单位后起算" in resident.say("我的诉求办到哪一步了").text
    walk(desk, desk.case(number), "register", "dispatch", "accept", "answer", "close")
    assert "已不再计时" in resident.say("我的诉求办到哪一步了").text
    told = resident.say("1 分").text
    assert "重新打开" in told and "已过" not in told and desk.case(number).status == "closed"
    assert "重新打开" in resident.say("灯还是不亮").text
    resident.press("没解决，重新打开")
    assert desk.case(number).status == "reopened"
