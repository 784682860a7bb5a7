"""Questions on services and rules are answered with sources, or not at all."""

from __future__ import annotations

from tests.dialogue.resident import Resident


def test_noise_at_night_is_answered_under_the_law_in_force(resident: Resident) -> None:
    told = resident.say("晚上十点以后邻居放音响，法律上怎么规定的")
    laws = {s["law"] for s in told.sources if s["type"] == "statute"}
    assert laws and "噪声污染防治法" not in laws and "环境噪声污染防治法" not in laws
    assert laws & {"生态环境法典", "治安管理处罚法", "民法典"}


def test_a_service_question_is_answered_with_its_guide(resident: Resident) -> None:
    told = resident.say("身份证过期了怎么换")
    assert any(s["type"] == "service" for s in told.sources) and "身份证" in told.text


def test_a_follow_up_keeps_the_topic(resident: Resident) -> None:
    resident.say("身份证过期了怎么换")
    assert any(s["code"] for s in resident.say("那要带什么").sources)


def test_an_english_question_gets_an_english_answer(resident: Resident) -> None:
    told = resident.say("My ID card has expired, how do I get a new one?")
    assert told.sources and "Source" in told.text


def test_what_nobody_knows_is_not_invented(resident: Resident) -> None:
    told = resident.say("请问火星移民局的办公电话和收费标准是多少")
    assert not told.sources


def test_a_long_guide_is_told_in_short_and_its_parts_are_a_press_away(resident: Resident) -> None:
    told = resident.say("身份证过期了怎么换")
    assert {"带什么", "在哪办", "多久", "多少钱"} <= set(told.buttons) and "户口簿" not in told.text
    assert "户口簿" in resident.press("带什么").text


def test_a_bare_follow_up_stays_with_the_guide(resident: Resident) -> None:
    resident.say("身份证过期了怎么换")
    assert "六十日" in resident.say("多久").text


def test_a_named_article_is_quoted_as_it_is_in_force(resident: Resident) -> None:
    told = resident.say("民法典第1077条是什么")
    assert ("民法典", 1077) in {(s["law"], s["article"]) for s in told.sources} and "三十日" in told.text


def test_a_repealed_law_is_told_to_be_repealed(resident: Resident) -> None:
    told = resident.say("噪声污染防治法第六十一条怎么说")
    assert "废止" in told.text and all(s["in_force"] for s in told.sources if s["type"] == "statute")


def test_what_is_asked_of_the_report_itself_is_answered(resident: Resident) -> None:
    resident.say("楼下的垃圾堆成山了，臭得很")
    assert "不收钱" in resident.say("要钱不").text
    assert "编号" in resident.say("要多久").text


def test_who_may_know_is_answered_wherever_it_is_asked(resident: Resident) -> None:
    resident.say("邻居违建把我家窗户挡了")
    for question in ("他会不会知道是我告的", "哪个看得到我名字", "会不会告诉别人是我投诉的"):
        assert "遮住" in resident.say(question).text
