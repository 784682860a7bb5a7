"""What the bot says: Chinese and English side by side, complete, with the same blanks and the same buttons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = [{"type": "slot", "name": "language", "value": "en"}]
MAX_QUESTION = 60
BLANK = re.compile(r"\{\w+\}")


def responses() -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for file in sorted((ROOT / "nlu/responses").glob("*.yml")):
        for name, variants in yaml.safe_load(file.read_text(encoding="utf-8"))["responses"].items():
            assert name not in found, f"{name} stands in two files: one would be lost without a word"
            found[name] = variants
    return found


ALL = responses()


def blanks(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("name", ALL)
def test_every_response_has_chinese_without_and_english_with_a_condition(name: str) -> None:
    chinese, english = ALL[name]
    assert "condition" not in chinese and english["condition"] == ENGLISH
    assert not any("channel" in variant for variant in (chinese, english))


@pytest.mark.parametrize("name", ALL)
def test_both_languages_have_the_same_blanks_and_buttons(name: str) -> None:
    chinese, english = ALL[name]
    assert blanks(chinese["text"]) == blanks(english["text"])
    payloads = [[b["payload"] for b in v.get("buttons", [])] for v in (chinese, english)]
    assert payloads[0] == payloads[1]


@pytest.mark.parametrize("name", [n for n in ALL if n.startswith("utter_ask_")])
def test_a_question_is_at_most_sixty_characters_and_only_one(name: str) -> None:
    text = ALL[name][0]["text"]
    assert len(text) <= MAX_QUESTION and text.count("？") <= 1, text


def test_every_response_that_code_or_rules_name_exists() -> None:
    used = set()
    for file in [*(ROOT / "actions").glob("*.py"), *(ROOT / "nlu/rules").glob("*.yml")]:
        used |= set(re.findall(r"\butter_(?!message\b)\w+[a-z]\b", file.read_text(encoding="utf-8")))
    assert {u for u in used if not u.endswith(("_ask", "_filed", "_why", "_danger", "_refused"))} <= set(ALL)


def test_english_texts_hold_no_chinese_and_chinese_texts_are_chinese() -> None:
    for name, (chinese, english) in ALL.items():
        if name != "utter_foreign":
            assert not re.search(r"[一-鿿]", english["text"]), name
        assert re.search(r"[一-鿿]", chinese["text"]) or not BLANK.sub("", chinese["text"]).strip(), name
