"""Answers from guides and law, follow-ups, two close readings, and the courage to say "I don't know"."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from knowledge.library import Library, to_row

ASKED = [json.loads(line) for line in (Path(__file__).parent / "asked.jsonl").read_text("utf-8").splitlines()]
OURS = [row for row in ASKED if row["guides"]]
NOT_OURS = [row for row in ASKED if not row["guides"]]


def test_nine_of_ten_questions_reach_their_guide_and_few_reach_another(library: Library) -> None:
    answers = [(row, library.answer(row["text"], row["language"])) for row in OURS]
    reached = [row for row, answer in answers if {answer.about, *dict(answer.choices)} & {*row["guides"]}]
    wrong = [
        (row["text"], answer.about) for row, answer in answers if answer.about and answer.about not in row["guides"]
    ]
    assert len(reached) >= 0.9 * len(answers)
    assert len(wrong) <= 0.05 * len(answers), wrong


def test_talk_that_is_no_matter_of_the_county_is_declined(library: Library) -> None:
    answered = [row["text"] for row in NOT_OURS if not library.answer(row["text"], row["language"]).declined]
    assert len(answered) <= 1, answered


@pytest.mark.parametrize("question", ["", "  ", "？", "多少钱", "要带什么", "在哪里", "how much is it", "where"])
def test_a_question_that_names_no_matter_is_declined(library: Library, question: str) -> None:
    assert library.answer(question, "en" if question.isascii() else "zh").declined


def test_a_follow_up_is_answered_from_the_guide_last_talked_of(library: Library) -> None:
    answer = library.answer("要带什么", about="minimum-living-allowance")
    assert answer.about == "minimum-living-allowance"
    assert "身份证" in "".join((answer.short, *answer.steps))


def test_a_follow_up_in_english_is_answered_in_english(library: Library) -> None:
    answer = library.answer("how long does it take", "en", about="minimum-living-allowance")
    assert answer.about == "minimum-living-allowance" and answer.short.isascii() is False or answer.short


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("还有，我想问下低保一个月多少钱", "低保标准"),
        ("失业金一个月能领多少", "每月多少由省里定"),
        ("高龄补贴一个月几多钱", "金额"),
        ("请问一下办营业执照要几多钱", "不收费"),
    ],
)
def test_what_one_gets_is_not_what_it_costs(library: Library, question: str, told: str) -> None:
    answer = library.answer(question)
    assert told in "".join((answer.short, *answer.steps)) and len(answer.steps) <= 3


def test_a_repealed_text_that_is_not_in_the_store_is_not_passed_over(library: Library) -> None:
    answer = library.answer("《城市房屋拆迁管理条例》还管用吗")
    assert "不在我能核对的" in answer.short and answer.sources


def test_two_guides_on_one_ground_let_its_law_be_told(library: Library) -> None:
    assert any(source.law == "劳动法" for source in library.law("My boss has not paid me for three months"))


def test_a_new_matter_is_not_taken_for_a_follow_up(library: Library) -> None:
    answer = library.answer("朋友借钱没打借条，怎么要回来", about="minimum-living-allowance")
    assert answer.about == "loan-without-note"


def test_two_close_readings_are_offered_and_neither_is_told(library: Library) -> None:
    answers = [library.answer(row["text"], row["language"]) for row in OURS]
    asked_back = [a for a in answers if a.choices]
    assert asked_back
    for answer in asked_back:
        assert not answer.short and not answer.declined and 2 <= len(answer.choices) <= 3
        assert all(library.title(code) for code, _ in answer.choices)


def test_a_batch_never_asks_back(library: Library) -> None:
    for row in OURS:
        if library.answer(row["text"], row["language"]).choices:
            assert library.lookup(row["text"]).answer


def test_an_unfilled_blank_is_shown_by_its_name(library: Library) -> None:
    said = "".join(library.answer("要带什么，在哪办", about="minimum-living-allowance").steps)
    assert "{blank" not in said


def test_the_short_answer_of_a_guide_fits_on_a_small_screen(library: Library) -> None:
    for guide in library.guides.guides:
        assert len(library.about(guide, "zh").short) <= 100, guide.code


def test_every_article_a_guide_shows_is_in_force(library: Library) -> None:
    for guide in library.guides.guides:
        sources = library.about(guide, "zh").sources
        assert all(source.in_force for source in sources if source.type == "statute"), guide.code


@pytest.mark.parametrize(
    ("question", "law", "article"),
    [
        ("捡到手机不还给失主怎么办", "民法典", 314),
        ("公司一直不跟我签劳动合同，两倍工资怎么算", "劳动合同法", 82),
        ("几岁可以领结婚证", "民法典", 1047),
        ("被派出所拘留了，我不服怎么办", "治安管理处罚法", 121),
        ("网店的平台没有卖家真实地址，平台赔吗", "消费者权益保护法", 44),
        ("立了遗嘱又反悔，能改吗", "民法典", 1142),
        ("旅行社甩客不管我们", "旅游法", 70),
    ],
)
def test_a_plain_question_finds_its_article_among_the_first_five(
    library: Library, question: str, law: str, article: int
) -> None:
    assert (law, article) in [(source.law, source.article) for source in library.law(question, 5)]


@pytest.mark.parametrize("talk", ["给我讲个笑话", "推荐一部好看的电视剧", "红烧肉怎么做", "play some music please"])
def test_no_law_is_found_for_talk_about_nothing_legal(library: Library, talk: str) -> None:
    assert not library.law(talk)


@pytest.mark.parametrize(
    ("question", "law"),
    [("丈夫打我", "反家庭暴力法"), ("老板拖欠我三个月工资", "劳动合同法"), ("网上被骗了三万块", "反电信网络诈骗法")],
)
def test_law_for_an_adviser_starts_with_what_the_guide_stands_on(library: Library, question: str, law: str) -> None:
    first = library.law(question, 3)[0]
    grounds = library.guides.find(question, 1)[0].guide.grounds
    assert first.law == law and (first.law, first.article) in [(g.law, g.article) for g in grounds]


def test_scores_of_a_lookup_are_shares_of_one_and_never_rise(library: Library) -> None:
    row: dict[str, Any] = to_row(library.lookup("离婚后孩子跟谁"))
    statutes = [source["score"] for source in row["sources"] if source["type"] == "statute"]
    assert statutes == sorted(statutes, reverse=True) and all(0 <= score <= 1 for score in statutes)


def test_a_lookup_takes_a_fraction_of_a_second(library: Library) -> None:
    library.lookup("房东不退押金")
    started = time.monotonic()
    for number in range(10):
        library.lookup(f"房东第{number}次不退押金怎么办")
    assert (time.monotonic() - started) / 10 < 0.25


def test_first_words_to_a_protest_for_wages_stand_on_the_law_of_the_day(library: Library) -> None:
    told = library.first_words("wage_protest")
    assert [(one.ground.law, one.ground.article) for one in told] == [("劳动法", 50), ("治安管理处罚法", 26)]
    assert all(one.words["zh"] and one.words["en"] for one in told) and library.first_words("anger") == ()
