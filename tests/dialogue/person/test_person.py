"""A person is one word away in every state."""

from __future__ import annotations

import pytest

from cases.desk import Desk
from tests.dialogue.resident import Resident

BEFORE = [
    [],
    ["楼下的垃圾堆成山了，臭得很"],
    ["国瓷街道五里牌社区的路灯从上个月开始就不亮了"],
    ["国瓷街道五里牌社区的路灯从上个月开始就不亮了", "不留电话"],
    ["老板拖欠我三个月工资不给，我该怎么办，能去仲裁吗"],
]


@pytest.mark.parametrize("before", BEFORE, ids=range(len(BEFORE)))
@pytest.mark.parametrize("words", ["转人工", "莫跟我讲机器话，喊个人来", "I want to talk to a real person"])
def test_a_person_is_reached_from_any_state(resident: Resident, before: list[str], words: str) -> None:
    resident.tell(*before)
    assert resident.say(words).holder == "waiting"


def test_who_waits_for_a_person_is_told_so_and_may_go_back_to_the_bot(resident: Resident) -> None:
    resident.say("转人工")
    told = resident.say("人呢？说话啊")
    assert told.holder == "waiting" and "/continue_job" in told.buttons.values()
    assert resident.say("不要人工了").holder == "bot"
    assert "119" not in resident.say("路灯坏了，国瓷街道").text


def test_the_bot_is_silent_until_staff_release_the_conversation(resident: Resident, desk: Desk) -> None:
    resident.tell("你好", "转人工")
    resident.say("有人吗")
    conversation = next(
        c for c in desk.conversations(holder="waiting") if any(m.text == "有人吗" for m in desk.transcript(c.id))
    )
    desk.take_over(conversation.id, "example-operator")
    desk.staff_say(conversation.id, "example-operator", "您好，我是坐席，请讲。")
    assert resident.say("好的").rows == []
    assert any(m["author"] == "staff" for m in resident.news())
    desk.release(conversation.id, "example-operator")
    assert resident.say("你好").rows


def test_danger_is_answered_even_while_a_person_is_awaited(resident: Resident) -> None:
    resident.say("转人工")
    assert "119" in resident.say("家里起火了").text


def test_two_failures_lead_to_a_person(resident: Resident) -> None:
    resident.say("国瓷街道五里牌社区的路灯从上个月开始就不亮了")
    resident.tell("嗯", "啊")
    assert resident.say("哦").holder == "waiting"
