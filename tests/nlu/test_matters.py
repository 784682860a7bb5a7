"""A message is cut where a new matter begins, nowhere else, and nothing of it is lost."""

from __future__ import annotations

import json

import joblib
import pytest

from nlu.matters import cuts, pieces, read_examples
from tests.running import ROOT

SET = ROOT / "tests/nlu/sets/matters.jsonl"
TEXTS = [json.loads(line)["text"] for line in SET.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def boundaries():
    return joblib.load(ROOT / "models/triage.joblib").boundaries


@pytest.mark.parametrize(
    "text", [*TEXTS, "", "。", "，，，，", "1、2、3、", "还有", "a" * 500, "路" * 5000], ids=lambda text: text[:12]
)
def test_the_parts_joined_are_the_message(boundaries, text: str) -> None:
    assert "".join(pieces(text, cuts(text))) == text
    assert "".join(part for part, _ in boundaries.split(text)) == text


def test_every_border_of_the_examples_can_be_cut() -> None:
    missed = []
    for parts in read_examples():
        text, at = "".join(parts), 0
        for part in parts[:-1]:
            at += len(part)
            if not any(abs(cut.at - at) <= 1 for cut in cuts(text)):
                missed.append((text, at))
    assert missed == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("国瓷街道五里牌社区的路灯坏了一个月没人修，另外隔壁工厂老板拖欠我三个月工资不给", 2),
        ("一、路灯坏了没人修；二、垃圾一个星期没人收；三、自来水是黄的", 3),
        ("The street lamp has been out for a month. Also, my boss has not paid my wages since May.", 2),
        ("国瓷街道的路灯坏了一个月，晚上黑得很，老人摔了两次，打电话也没人管", 1),
        ("路灯坏了，另外我的电话是13812345678，请尽快处理", 1),
        ("身份证怎么办", 1),
        ("", 1),
    ],
)
def test_matters_are_counted(boundaries, text: str, number: int) -> None:
    assert len(boundaries.split(text)) == number
