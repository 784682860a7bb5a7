"""Legal problems: law in force first, then the adviser of the grid."""

from __future__ import annotations

from tests.dialogue.resident import Resident

WAGES = "老板拖欠我三个月工资不给，我该怎么办，能去仲裁吗"


def test_law_is_shown_as_general_law_and_an_adviser_is_offered(resident: Resident) -> None:
    told = resident.say(WAGES)
    assert told.sources and all(s["in_force"] for s in told.sources)
    assert "不是法律意见" in told.text and "/affirm" in told.buttons.values()


def test_a_consultation_reaches_the_adviser_of_the_resident_s_town(resident: Resident, case_of) -> None:
    resident.say(WAGES)
    resident.press("要，转给顾问")
    resident.say("去年十月到十二月在一家瓷厂做事，没签合同，有工资条和微信记录，想要回工资")
    while "对，提交" not in resident.last.buttons:
        if "不急" in resident.last.buttons:
            resident.press("不急")
        elif "不留电话" in resident.last.buttons:
            resident.press("不留电话")
        else:
            resident.say("王仙镇")
    filed = resident.press("对，提交")
    case = case_of(filed.number)
    assert case.kind == "consultation" and case.adviser and case.town == "430281105" and case.due_at
    assert case.citations and case.status == "dispatched"


def test_an_offer_of_an_adviser_can_be_passed_over(resident: Resident) -> None:
    resident.say(WAGES)
    told = resident.say("身份证过期了怎么换")
    assert any(s["type"] == "service" for s in told.sources) and "要，转给顾问" not in told.buttons


def test_facts_told_where_urgency_was_asked_are_kept_and_are_no_urgency(resident: Resident, case_of) -> None:
    resident.say("房东不退我押金怎么办")
    resident.press("要，转给顾问")
    for words in ("我在浦口镇租了一年房子，押金两千，上个月到期了他就是不退", "我在那里住得好好的，东西都没坏"):
        if "对，提交" not in resident.last.buttons:
            resident.say(words)
    while "对，提交" not in resident.last.buttons:
        resident.press(
            next(title for title in resident.last.buttons if title in ("不急", "不留电话", "不清楚", "没有要补充的"))
        )
    case = case_of(resident.press("对，提交").number)
    assert "urgent" not in case.signals and len(case.words) >= 2


def test_a_hearing_next_week_is_urgent(resident: Resident, case_of) -> None:
    resident.say("老板拖欠我三个月工资不给，没签合同，有工资条，我已经申请仲裁了该怎么办")
    resident.press("要，转给顾问")
    if "急" not in resident.last.buttons:
        resident.say("瓷厂欠我去年十月到十二月的工资，想要回来")
    resident.say("下周就要开庭了")
    for title in ("不清楚", "不留电话"):
        if title in resident.last.buttons:
            resident.press(title)
    assert "urgent" in case_of(resident.press("对，提交").number).signals


def test_a_short_question_belongs_to_what_was_told(resident: Resident) -> None:
    resident.say("我要离婚，他老是打我")
    told = resident.say("有个崽六岁，能判给我吗")
    assert any("民法典" in s["title"] for s in told.sources) and not any("身份证" in s["title"] for s in told.sources)


def test_facts_told_at_the_offer_of_an_adviser_are_kept(resident: Resident) -> None:
    resident.tell(WAGES, "去年腊月到今年三月，一万八，没签合同")
    while "对，提交" not in resident.last.buttons:
        for title in ("不急", "不留电话", "不清楚", "没有要补充的"):
            if title in resident.last.buttons:
                resident.press(title)
                break
        else:
            resident.say("浦口镇")
    assert "一万八" in resident.last.text and WAGES in resident.last.text


def test_a_report_that_turns_into_a_consultation_hands_on_what_was_told(resident: Resident) -> None:
    resident.tell("隔壁工地半夜打桩吵得睡不着", "我要找律师")
    assert any("噪声" in s["title"] or "环境" in s["title"] or "治安" in s["title"] for s in resident.last.sources)


def test_who_wants_a_lawyer_at_the_offer_of_one_has_said_yes(resident: Resident) -> None:
    told = resident.tell("老板欠我三个月工资，怎么办", "我要找律师")
    assert not told.sources and "要不要转给" not in told.text


def test_a_consultation_may_be_reported_instead(resident: Resident) -> None:
    resident.tell("My neighbour's dog bit me yesterday, can I claim damages", "I want to report it")
    assert "dropped" not in resident.last.text
    shown = resident.tell("Guoci Subdistrict", "yesterday", "no phone")
    assert "dog bit me" in shown.text


def test_what_helps_beside_the_law_is_told_once(resident: Resident) -> None:
    first = resident.say("老板欠我三个月工资想找律师")
    assert "别过了时间" in first.text and "一年" in first.text and "劳动仲裁" in first.text
    assert any("劳动" in s["title"] for s in first.sources)
    assert "别过了时间" not in resident.press("要，转给顾问").text


def test_a_question_at_the_offer_of_an_adviser_is_answered(resident: Resident) -> None:
    resident.say("我想问下立遗嘱怎么弄")
    told = resident.say("我妈八十了 不会写字 可以我替她写吗")
    assert "见证人" in told.text and "急不急" not in told.text


def test_a_consultation_can_be_let_go_at_any_question(resident: Resident) -> None:
    resident.tell("我想问下立遗嘱怎么弄", "要", "不急")
    told = resident.say("问遗嘱要镇街干什么 算了")
    assert "镇或街道" not in told.text


def test_law_that_was_told_is_not_told_again(resident: Resident) -> None:
    first = resident.say("借给我老表三万块，五年了没还，有借条，还要得回来不")
    again = resident.say("那我要花好多钱请律师")
    assert first.sources and not again.sources and "12348" in again.text


def test_a_report_told_in_fear_is_heard_and_told_who_sees_it(resident: Resident) -> None:
    told = resident.say("村干部贪污低保钱，我要举报但怕他晓得")
    assert "记下" in told.text and "遮住" in told.text
