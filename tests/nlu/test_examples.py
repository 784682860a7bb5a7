"""The taught examples: every intent, enough of each in both languages, nothing taught twice or under two names."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from nlu.plain import plain

ROOT = Path(__file__).resolve().parents[2]
SET = Path(__file__).parent / "sets" / "kinds.jsonl"
FILES = {
    "greet": ("greet", "thanks", "goodbye", "explain"),
    "ask": ("ask",),
    "report_problem": ("report_problem", "suggest", "praise"),
    "consult_law": ("consult_law",),
    "follow_case": ("follow_case", "urge", "add_to_case", "withdraw", "rate"),
    "human": ("human",),
    "danger": ("danger",),
    "offtopic": ("offtopic",),
    "talk": (
        "affirm", "deny", "cancel", "correct", "inform", "withhold", "repeat", "why_ask", "switch_language",
        "continue_job", "unsure", "abuse",
    ),
}  # fmt: skip
#: at least so many Chinese examples; English has at least a third of it
LEAST = {
    "report_problem": 220, "suggest": 60, "praise": 40, "ask": 200, "consult_law": 120, "human": 60, "danger": 100,
    "offtopic": 200, "follow_case": 40, "urge": 40, "add_to_case": 40, "withdraw": 40, "rate": 40,
    "greet": 30, "thanks": 30, "goodbye": 30, "explain": 30,
}  # fmt: skip
LEAST_TALK = 35
KIND_OF = {
    "report_problem": "complaint", "danger": "complaint", "ask": "question", "consult_law": "legal",
    "follow_case": "status", "urge": "status", "add_to_case": "status", "withdraw": "status", "rate": "status",
    "human": "human", "offtopic": "offtopic", "suggest": "suggestion", "praise": "praise",
    **dict.fromkeys((*FILES["greet"], *FILES["talk"]), "smalltalk"),
}  # fmt: skip
DANGERS = {
    "gas", "fire", "electrocution", "collapse", "drowning", "missing", "violence", "suicide", "fireworks", "medical",
    "traffic", "other",
}  # fmt: skip


def taught(language: str, file: str) -> list[tuple[str, str]]:
    """(intent, example) pairs of one file, in order."""
    content = yaml.safe_load((ROOT / "nlu" / language / f"{file}.yml").read_text(encoding="utf-8"))
    assert content["version"] == "3.1"
    pairs = []
    for block in content["nlu"]:
        lines = block["examples"].strip().splitlines()
        assert all(line.startswith("- ") for line in lines), (file, block["intent"])
        pairs += [(block["intent"], line[2:].strip()) for line in lines]
    return pairs


def everything(language: str) -> list[tuple[str, str]]:
    return [pair for file in FILES for pair in taught(language, file)]


def own_set() -> list[dict]:
    return [json.loads(line) for line in SET.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_file_holds_its_intents_and_no_other(language: str) -> None:
    assert {p.stem for p in (ROOT / "nlu" / language).glob("*.yml")} == set(FILES)
    for file, intents in FILES.items():
        assert {intent for intent, _ in taught(language, file)} == set(intents)


def test_every_intent_has_enough_examples_in_both_languages() -> None:
    zh = Counter(intent for intent, _ in everything("zh"))
    en = Counter(intent for intent, _ in everything("en"))
    for intents in FILES.values():
        for intent in intents:
            least = LEAST.get(intent, LEAST_TALK)
            assert zh[intent] >= least, intent
            assert en[intent] >= least // 3, intent


def test_the_domain_knows_exactly_these_intents() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    named = {next(iter(i)) if isinstance(i, dict) else i for i in domain["intents"]}
    assert named == set(KIND_OF)


def test_no_words_are_taught_twice_or_under_two_intents() -> None:
    seen: dict[str, str] = {}
    for intent, text in everything("zh") + everything("en"):
        assert plain(text) not in seen, (text, intent, seen[plain(text)])
        seen[plain(text)] = intent


def test_every_telephone_number_in_the_examples_is_plainly_made_up() -> None:
    for _, text in everything("zh") + everything("en"):
        for number in re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text):
            assert re.fullmatch(r"13[89]0000\d{4}", number), text
        assert not re.search(r"\d{17}[\dXx]", text), text


def test_no_example_holds_markup_that_rasa_would_take_for_an_entity() -> None:
    for _, text in everything("zh") + everything("en"):
        assert not re.search(r"\[[^\]]*\][({]", text), text
        assert not text.startswith("/"), text


def test_the_own_set_is_well_formed_and_large_enough() -> None:
    rows = own_set()
    assert len(rows) >= 300
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row) == {"id", "text", "kind", "intent", "domain", "place", "danger", "matters", "language"}, row
        assert row["kind"] == KIND_OF[row["intent"]], row
        assert row["danger"] is None or row["danger"] in DANGERS, row
        assert (row["intent"] == "danger") == (row["danger"] is not None), row
        assert row["place"] is None or row["place"] in row["text"], row
        assert row["matters"] >= (1 if row["kind"] in {"complaint", "suggestion", "praise", "question", "legal"} else 0)
        assert row["language"] in {"zh", "en"}, row
    assert {row["kind"] for row in rows} == set(KIND_OF.values())


def test_nothing_in_the_own_set_is_taught() -> None:
    known = {plain(text) for _, text in everything("zh") + everything("en")}
    assert not [row["text"] for row in own_set() if plain(row["text"]) in known]
