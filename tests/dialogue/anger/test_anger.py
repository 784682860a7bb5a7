"""Angry people get short answers, no lecture, and what they want."""

from __future__ import annotations

import pytest

from tests.dialogue.resident import Resident


@pytest.mark.parametrize(
    "words",
    [
        "你们这些人吃干饭的吗！路灯坏了一个月冇人管！！",
        "我投诉了三次了三次了，垃圾还是没人收，你们到底管不管",
        "气死我了，物业天天装死，电梯停了十天",
        "再不处理我就去省里告你们，化粪池漫到我家门口了",
    ],
)
def test_an_angry_complaint_is_a_complaint_like_any_other(resident: Resident, words: str) -> None:
    told = resident.say(words)
    assert "哪里" in told.text or "哪个镇" in told.text
    for lecture in ("文明用语", "请您冷静", "注意", "不要激动"):
        assert lecture not in told.text


def test_what_was_said_in_anger_is_marked_for_staff_and_kept(resident: Resident, case_of) -> None:
    words = "官庄镇的路灯坏了一个月，我打了三次电话没人管，气死我了！！"
    resident.tell(words, "不留电话")
    case = case_of(resident.press("对，提交").number)
    assert {"anger", "no_response"} <= set(case.signals) and case.words == (words,)


@pytest.mark.parametrize("words", ["你是猪吗", "废物一个", "滚", "你们全是骗子", "you are so useless"])
def test_bare_abuse_is_answered_shortly_and_a_person_is_in_reach(resident: Resident, words: str) -> None:
    told = resident.say(words)
    assert told.rows and len(told.text) < 120
    assert told.holder == "waiting" or "/human" in told.buttons.values()


def test_abuse_in_the_middle_loses_nothing(resident: Resident, case_of) -> None:
    resident.tell("路灯坏了半个月", "官庄镇")
    resident.say("你烦不烦")
    if resident.last.holder == "bot":
        resident.press("不留电话")
        assert "路灯" in case_of(resident.press("对，提交").number).words[0]
    else:
        assert resident.last.holder == "waiting"


def test_a_threat_to_petition_is_not_taken_for_a_withdrawal(resident: Resident) -> None:
    resident.tell("国瓷街道五里牌社区的路灯从上个月开始就不亮了", "不留电话")
    resident.press("对，提交")
    told = resident.say("你们再不办我就去北京上访")
    assert "撤" not in told.text


def test_in_english_an_angry_complaint_is_a_complaint(resident: Resident) -> None:
    told = resident.say("This is outrageous! I called three times and the rubbish is still there!")
    assert "Where" in told.text or "town" in told.text
