"""Residents change what they said."""

from __future__ import annotations

import pytest

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


def at_read_back(resident: Resident) -> None:
    resident.say(LAMP)
    resident.press("不留电话")


@pytest.mark.parametrize(
    "words",
    [
        "地址错了，是白兔潭镇",
        "不在国瓷，在白兔潭镇",
        "不是国瓷，是白兔潭",
        "改一下地方，白兔潭镇",
        "搞错了，白兔潭镇的",
    ],
)
def test_a_place_is_corrected_in_any_words(resident: Resident, case_of, words: str) -> None:
    at_read_back(resident)
    resident.say(words)
    assert case_of(resident.press("对，提交").number).town == "430281102"


@pytest.mark.parametrize("words", ["时间不对，是前天开始的", "不是上个月，是前天", "改时间，前天"])
def test_a_time_is_corrected_in_any_words(resident: Resident, case_of, words: str) -> None:
    at_read_back(resident)
    resident.say(words)
    assert "前天" in (case_of(resident.press("对，提交").number).since_said or "")


def test_two_fields_are_corrected_at_once(resident: Resident, case_of) -> None:
    at_read_back(resident)
    resident.say("地方和时间都错了，是白兔潭镇，前天开始的")
    case = case_of(resident.press("对，提交").number)
    assert case.town == "430281102" and "前天" in (case.since_said or "")


def test_a_correction_of_a_correction_is_the_last_word(resident: Resident, case_of) -> None:
    at_read_back(resident)
    resident.tell("不是国瓷，是来龙门街道", "不对，还是国瓷街道")
    assert case_of(resident.press("对，提交").number).town == "430281004"


def test_a_wrong_phone_number_is_replaced(resident: Resident, case_of) -> None:
    resident.tell(LAMP, "13800001111", "电话错了，是13900002222")
    assert case_of(resident.press("对，提交").number).contact == "139****2222"


def test_a_phone_number_can_be_taken_back(resident: Resident, case_of) -> None:
    resident.tell(LAMP, "13800001111", "电话还是不留了")
    case = case_of(resident.press("对，提交").number)
    assert case.contact is None and case.contact_withheld


def test_what_is_added_at_the_read_back_is_kept(resident: Resident, case_of) -> None:
    at_read_back(resident)
    resident.say("还有，路灯杆也歪了，快要倒了")
    case = case_of(resident.press("对，提交").number)
    assert "歪了" in "".join(case.words)


@pytest.mark.parametrize("words", ["No, it is in Baitutan", "wrong place, it's Baitutan town", "not Guoci, Baitutan"])
def test_in_english_a_place_is_corrected_in_any_words(resident: Resident, case_of, words: str) -> None:
    resident.say("The street lamp in Guoci has been out since last month")
    resident.press("Leave none")
    resident.say(words)
    assert case_of(resident.press("Yes, submit").number).town == "430281102"


def test_in_english_a_time_is_corrected(resident: Resident, case_of) -> None:
    resident.say("The street lamp in Guoci has been out since last month")
    resident.press("Leave none")
    resident.say("the time is wrong, it was last week")
    assert "last week" in (case_of(resident.press("Yes, submit").number).since_said or "")


def test_in_english_a_phone_number_can_be_left_after_all(resident: Resident, case_of) -> None:
    resident.say("The street lamp in Guoci has been out since last month")
    resident.press("Leave none")
    resident.say("actually take my number, 13900001234")
    assert case_of(resident.press("Yes, submit").number).contact == "139****1234"


def test_a_place_that_is_on_no_list_is_corrected_too(resident: Resident, case_of) -> None:
    resident.tell("国瓷街道五里牌社区幸福花园三栋的电梯坏了，从昨天开始", "不留电话", "地址错了，是幸福花园五栋")
    assert "五栋" in resident.last.text and "三栋" not in resident.last.text.split("地点")[1]


def test_words_that_tell_no_time_are_no_time(resident: Resident) -> None:
    resident.tell("国瓷街道五里牌社区的垃圾没人收")
    told = resident.say("谢谢")
    assert "时间：谢谢" not in told.text and "什么时候" in told.text


def test_a_question_about_another_phone_does_not_open_ones_own(resident: Resident) -> None:
    resident.tell("浦口镇保丰村自来水停了两天了，一滴水都没有", "13973312345")
    told = resident.say("不对 是前天早上开始停的 还有水厂电话多少")
    assert "13973312345" in told.text and "前天早上" in told.text


def test_a_date_told_with_the_confirmation_is_a_time_and_no_place(resident: Resident) -> None:
    resident.tell("浦口镇老家门前的路烂得走不得", "大概上个礼拜三", "不留")
    told = resident.say("提交吧 不过时间是十一月十八号")
    assert "时间：十一月十八号" in told.text and "不过时间是" not in told.text.replace("时间：十一月十八号", "")


def test_a_street_named_like_a_town_is_not_taken_for_the_town(resident: Resident) -> None:
    resident.say("我们小区电梯坏了半个月没人修")
    told = resident.say("左权路那个锦绣花园 不知道算哪个街道")
    assert "左权镇" not in told.text


def test_who_says_submit_at_the_question_for_a_phone_is_read_back_to(resident: Resident) -> None:
    resident.say("白兔潭镇停电一天了 叫供电所来修")
    told = resident.say("算你狠 提交吧")
    assert "请您核对" in told.text and "11位" not in told.text
