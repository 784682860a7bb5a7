"""What tells who somebody is gets hidden, and numbers that tell nobody stay."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cases.case import mask, mask_words
from cases.redact import LEVELS, PUBLIC, STAFF, UNIT, redact, redact_all, spans

SET = [
    json.loads(line) for line in (Path(__file__).parent / "sets" / "redaction.jsonl").read_text("utf-8").splitlines()
]
#: of the characters hidden, so many had to be; of those that had to be, so many are
PRECISION, RECALL, EXACT = 0.98, 0.97, 0.96
#: what a message may hold and nobody is told by
NOBODY = re.compile(
    r"12345(?!\d)|12348|第[一二三四五六七八九十百]+条|\d+号线|\d+年\d+月\d+日|\d+平方米|\d+万元|\d+路公交"
)


def hidden(text: str, shown: str) -> set[int]:
    return {n for n, (before, after) in enumerate(zip(text, shown, strict=True)) if before != after}


def test_what_is_hidden_had_to_be_and_what_had_to_be_is(capsys: pytest.CaptureFixture[str]) -> None:
    right = wrong = missed = exact = 0
    for row in SET:
        found, wanted = hidden(row["text"], redact(row["text"], row["level"])), hidden(row["text"], row["shown"])
        right, wrong, missed = right + len(found & wanted), wrong + len(found - wanted), missed + len(wanted - found)
        exact += found == wanted
    precision, recall, share = right / (right + wrong), right / (right + missed), exact / len(SET)
    with capsys.disabled():
        print(f"\nredaction: {len(SET)} messages, precision {precision:.3f}, recall {recall:.3f}, exact {share:.3f}")
    assert len(SET) >= 150 and precision >= PRECISION and recall >= RECALL and share >= EXACT


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_hidden_once_stays_as_it_is(level: str) -> None:
    for row in SET:
        shown = redact(row["text"], level)
        assert len(shown) == len(row["text"]) and redact(shown, level) == shown


def test_each_level_hides_what_the_one_before_hides() -> None:
    for row in SET:
        by_level = [hidden(row["text"], redact(row["text"], level)) for level in (STAFF, UNIT, PUBLIC)]
        assert by_level[0] <= by_level[1] <= by_level[2], row["text"]


def test_numbers_that_tell_nobody_stay_in_real_messages(shared: Path) -> None:
    lines = (shared / "messages" / "petition_stream.jsonl").read_text("utf-8").splitlines()
    held = 0
    for line in lines[:1500]:
        text = json.loads(line)["text"]
        shown = redact(text)
        for found in NOBODY.finditer(text):
            held += 1
            assert shown[found.start() : found.end()] == found.group()
    assert held > 500


def test_real_messages_are_hidden_once_and_for_all(shared: Path) -> None:
    for line in (shared / "messages" / "petitions_dev.jsonl").read_text("utf-8").splitlines():
        text = json.loads(line)["text"]
        shown = redact(text, PUBLIC)
        assert len(shown) == len(text) and redact(shown, PUBLIC) == shown


@pytest.mark.parametrize("word", ["被举报人：", "被投诉人"])
def test_who_is_complained_about_is_named_to_the_unit(word: str) -> None:
    said = f"{word}王大明，占用人行道"
    assert redact(said) == said


def test_a_name_told_in_one_sentence_is_hidden_in_all() -> None:
    assert redact_all(["我叫张伟。", "路灯坏了", "张伟家门口也黑"]) == ["我叫**。", "路灯坏了", "**家门口也黑"]


def test_a_span_says_what_it_is() -> None:
    said = "我叫张伟，13812345678，3栋2单元402，湘B12345"
    assert [(said[s.start : s.end], s.kind) for s in spans(said)] == [
        ("张伟", "name"),
        ("13812345678", "number"),
        ("2", "door"),
        ("402", "door"),
        ("湘B12345", "plate"),
    ]


@pytest.mark.parametrize(("said", "shown"), [("23231234", "********"), ("0731-23231234", "073******1234")])
def test_a_short_number_keeps_nothing(said: str, shown: str) -> None:
    assert mask(said) == shown


def test_staff_read_words_without_numbers() -> None:
    assert mask_words("我叫张伟，13812345678") == "我叫张伟，138****5678"


def test_another_level_is_refused() -> None:
    with pytest.raises(KeyError):
        redact("我叫张伟", "everybody")
