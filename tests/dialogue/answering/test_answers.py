"""Residents answer another question, several at once, in numerals, in dialect, or not at all."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident

LAMP = "路灯坏了，晚上一片漆黑"


def filed(resident: Resident, case_of):
    return case_of(resident.press("对，提交").number)


def test_three_answers_at_once_are_all_taken(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    told = resident.say("国瓷街道五里牌社区，上个月开始的，我电话13812345678")
    assert "核对" in told.text
    case = filed(resident, case_of)
    assert case.town == "430281004" and case.village and case.since_said and case.contact


def test_the_answer_to_another_question_is_taken_and_the_open_one_asked(resident: Resident) -> None:
    resident.say(LAMP)
    assert "哪里" in resident.say("我的电话是13812345678").text
    assert "什么时候" in resident.say("官庄镇").text
    assert "核对" in resident.say("上个月").text


@pytest.mark.parametrize(
    "said",
    [
        "一三八一二三四五六七八",
        "幺三八幺二三四五六七八",
        "138 1234 5678",
        "１３８１２３４５６７８",
        "我的号码是138-1234-5678哈",
    ],
)
def test_a_phone_number_is_taken_however_it_is_written(resident: Resident, case_of, said: str) -> None:
    resident.tell("国瓷街道五里牌社区的路灯从上个月开始就不亮了", said)
    case = filed(resident, case_of)
    assert case.contact == "138****5678" and not case.contact_withheld


def test_an_incomplete_phone_number_is_asked_again(resident: Resident) -> None:
    resident.say("国瓷街道五里牌社区的路灯从上个月开始就不亮了")
    assert "11位" in resident.say("13812345").text


@pytest.mark.parametrize("said", ["不想留", "不用了", "莫留电话", "匿名", "不方便"])
def test_a_contact_may_be_withheld_in_any_words(resident: Resident, case_of, said: str) -> None:
    resident.tell("国瓷街道五里牌社区的路灯从上个月开始就不亮了", said)
    case = filed(resident, case_of)
    assert case.contact is None and case.contact_withheld


@pytest.mark.parametrize("said", ["记不清了", "不晓得", "好久了", "冇注意"])
def test_not_knowing_since_when_goes_on(resident: Resident, said: str) -> None:
    resident.tell(LAMP, "官庄镇")
    assert "电话" in resident.say(said).text


@pytest.mark.parametrize("said", ["前天晚上", "开年以来", "有半个月了", "上个礼拜三", "去年冬天就这样了"])
def test_a_time_is_kept_as_it_was_said(resident: Resident, case_of, said: str) -> None:
    resident.tell(LAMP, "官庄镇", said, "不留电话")
    assert filed(resident, case_of).since_said in said


def test_a_landmark_that_nobody_knows_is_kept_and_the_town_asked_once(resident: Resident, case_of) -> None:
    resident.tell(LAMP, "老王超市对面那条巷子")
    assert "哪个镇" in resident.last.text
    resident.tell("不清楚", "上个月", "不留电话")
    case = filed(resident, case_of)
    assert case.town is None and "老王超市" in (case.place_said or "")


def test_voice_typing_without_a_comma_is_understood(resident: Resident, case_of) -> None:
    told = resident.say(
        "喂你好我是官庄镇的我们村口那个路灯坏了有半个月了晚上黑咕隆咚的老人家走路都怕摔跤你们来看一下咯"
    )
    assert "电话" in told.text
    resident.say("不留电话")
    case = filed(resident, case_of)
    assert case.town == "430281126" and case.category == "urban.lamp"


def test_a_question_is_no_answer_and_is_answered(resident: Resident) -> None:
    resident.say(LAMP)
    told = resident.say("你们会不会把我的名字告诉别人")
    assert told.rows and told.rows[-1]["text"]


@pytest.mark.parametrize("said", ["😡😡😡", "？？？", "。", "……"])
def test_signs_without_words_lose_nothing(resident: Resident, said: str) -> None:
    resident.say(LAMP)
    told = resident.say(said)
    assert told.rows
    assert "什么时候" in resident.say("官庄镇").text


def test_in_english_three_answers_at_once_are_taken(resident: Resident, case_of) -> None:
    resident.say("the street lamp is broken")
    told = resident.say("Wulipai community in Guoci, since last month, my phone is 13812345678")
    assert "check" in told.text.lower()
    case = case_of(resident.press("Yes, submit").number)
    assert case.town == "430281004" and case.contact and case.since_said


@pytest.mark.parametrize("said", ["I'd rather not", "no phone please", "anonymous", "none"])
def test_in_english_a_contact_may_be_withheld(resident: Resident, case_of, said: str) -> None:
    resident.tell("The street lamp in Guoci has been out since last month", said)
    assert case_of(resident.press("Yes, submit").number).contact_withheld


@pytest.mark.parametrize("said", ["two weeks ago", "since Monday", "last month", "since 2024"])
def test_in_english_a_time_is_kept_as_it_was_said(resident: Resident, case_of, said: str) -> None:
    resident.tell("the street lamp is broken", "Guoci", said, "no phone please")
    assert case_of(resident.press("Yes, submit").number).since_said


def test_a_name_that_fits_two_places_leads_to_one_question(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    assert len(resident.say("碧山").buttons) == 2 and "不止一个" in resident.last.text
    chosen = next(title for title in resident.last.buttons if "村" in title)
    assert "什么时候" in resident.press(chosen).text
    resident.tell("上个月", "不留电话")
    assert filed(resident, case_of).village == "430281003206"
