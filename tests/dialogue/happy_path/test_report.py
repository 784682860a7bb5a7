"""A matter from the first word to its number."""

from __future__ import annotations

from tests.dialogue.resident import Resident


def test_one_sentence_that_says_what_where_and_since_is_not_asked_again(resident: Resident, case_of) -> None:
    first = resident.say("国瓷街道五里牌社区的路灯从上个月开始就不亮了，晚上出门好危险")
    assert "/withhold" in first.buttons.values(), first.text
    read_back = resident.press("不留电话")
    assert "五里牌社区" in read_back.text and "路灯" in read_back.text
    case = case_of(resident.press("对，提交").number)
    assert case.town == "430281004" and case.village and case.words[0].startswith("国瓷街道五里牌社区")
    assert case.contact_withheld and case.kind == "complaint"


def test_what_is_missing_is_asked_one_by_one(resident: Resident, case_of) -> None:
    where = resident.say("楼下的垃圾堆成山了，臭得很，没人来收")
    assert "哪里" in where.text
    since = resident.say("来龙门街道")
    assert "什么时候" in since.text
    contact = resident.say("有半个月了吧")
    assert "电话" in contact.text
    read_back = resident.say("13800000000")
    assert "来龙门街道" in read_back.text
    case = case_of(resident.say("对的，提交吧").number)
    assert case.town == "430281006" and case.since_said and "垃圾" in case.words[0]


def test_a_complaint_is_filed_in_english(resident: Resident, case_of) -> None:
    resident.say("The street lamp near the primary school in Guanzhuang town has been broken since last month")
    assert "phone" in resident.last.text
    resident.press("Leave none")
    assert "Please check" in resident.last.text
    case = case_of(resident.press("Yes, submit").number)
    assert case.language == "en" and case.town == "430281126"


def test_a_suggestion_and_praise_become_records_of_their_kind(resident: Resident, case_of) -> None:
    resident.say("建议在白兔潭镇政府门口装一个公交站牌")
    resident.press("不留电话")
    assert case_of(resident.press("对，提交").number).kind == "suggestion"
    resident.say("表扬一下东富镇的网格员，帮我娭毑把药送上门，人真好")
    resident.press("不留电话")
    assert case_of(resident.press("对，提交").number).kind == "praise"


def test_words_are_kept_to_the_letter(resident: Resident, case_of) -> None:
    words = "咯条路烂得冇得样子哒！！下雨天都走不得人，搞么子的咯？在沩山镇"
    resident.say(words)
    resident.tell("上个月", "不留电话")
    assert case_of(resident.say("对，提交").number).words[0] == words


def test_a_number_corrected_in_the_first_message_is_the_one_that_counts(resident: Resident, case_of) -> None:
    resident.say("国瓷街道五里牌社区的路灯坏了一个星期了，电话13800001111，不对，是13900002222")
    assert case_of(resident.press("对，提交").number).contact == "139****2222"


def test_what_is_told_at_the_question_for_the_place_is_kept_with_the_matter(resident: Resident, case_of) -> None:
    resident.tell("隔壁装修天天半夜打钻", "我有录像和照片", "国瓷街道五里牌社区")
    resident.tell("上个月开始", "不留电话")
    case = case_of(resident.press("对，提交").number)
    assert case.words == ("隔壁装修天天半夜打钻", "我有录像和照片") and "录像" not in (case.place_said or "")


def test_a_complaint_about_the_hotline_itself_is_asked_for_no_place(resident: Resident, case_of) -> None:
    told = resident.say("我要投诉你们热线，打了三次都没人接")
    assert "哪里" not in told.text and "转人工" in told.buttons
    resident.tell("昨天", "不留电话")
    case = case_of(resident.press("对，提交").number)
    assert "about_us" in case.signals and case.town is None
