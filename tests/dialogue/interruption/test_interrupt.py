"""Another job comes in between, and both come to their end."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident

LAMP = "国瓷街道五里牌社区的路灯从上个月开始就不亮了"


def test_two_questions_in_a_row_are_both_answered_and_the_report_goes_on(resident: Resident, case_of) -> None:
    resident.say(LAMP)
    assert resident.say("身份证丢了怎么补办？").sources
    assert "电话" in resident.say("要带什么").rows[-1]["text"]
    resident.press("不留电话")
    assert case_of(resident.press("对，提交").number).words == (LAMP,)


def test_a_case_is_followed_in_the_middle_of_another_report(resident: Resident) -> None:
    resident.tell(LAMP, "不留电话")
    number = resident.press("对，提交").number
    resident.say("官庄镇的垃圾没人收，臭得很")
    told = resident.say("我上次反映的路灯那个办到哪了")
    assert number in told.text and "什么时候" in told.rows[-1]["text"]


def test_thanks_in_the_middle_do_not_end_the_report(resident: Resident) -> None:
    resident.say(LAMP)
    assert "电话" in resident.say("谢谢你啊").rows[-1]["text"]


def test_off_topic_in_the_middle_is_declined_and_the_question_comes_again(resident: Resident) -> None:
    resident.say(LAMP)
    assert "电话" in resident.say("给我讲个笑话").rows[-1]["text"]


@pytest.mark.parametrize("words", ["算了不报了", "我不想反映了", "取消吧", "冇事了，莫搞了"])
def test_a_report_is_dropped_in_any_words(resident: Resident, words: str) -> None:
    resident.say(LAMP)
    resident.say(words)
    assert not resident.say("我的诉求办到哪了").number


def test_a_change_of_mind_after_dropping_starts_anew(resident: Resident, case_of) -> None:
    resident.tell(LAMP, "算了不报了", LAMP, "不留电话")
    assert case_of(resident.press("对，提交").number).words == (LAMP,)


def test_a_legal_question_in_the_middle_is_not_lost(resident: Resident) -> None:
    resident.say(LAMP)
    told = resident.say("对了，我还想问一下，老板拖欠工资不给可以告他吗")
    assert "工资" in told.text or "劳动" in told.text or told.sources


def test_in_english_a_question_in_the_middle_is_answered_and_the_report_goes_on(resident: Resident, case_of) -> None:
    resident.say("The street lamp in Guoci has been out since last month")
    aside = resident.say("By the way, how do I renew my ID card?")
    assert aside.sources and "phone" in aside.rows[-1]["text"]
    resident.press("Leave none")
    assert resident.press("Yes, submit").number


@pytest.mark.parametrize("words", ["forget it", "cancel that", "never mind, drop it"])
def test_in_english_a_report_is_dropped_in_any_words(resident: Resident, words: str) -> None:
    resident.say("The street lamp in Guoci has been out since last month")
    resident.say(words)
    assert not resident.say("where is my case").number


def test_in_english_say_it_again_repeats_the_question(resident: Resident) -> None:
    asked = resident.say("there is rubbish everywhere in front of our house").rows[-1]["text"]
    assert resident.say("say that again please").rows[-1]["text"] == asked


def test_in_english_why_do_you_ask_is_answered(resident: Resident) -> None:
    resident.say("rubbish is piling up and it stinks")
    told = resident.say("why do you ask")
    assert len(told.rows) == 2 and "Where" in told.rows[-1]["text"]
