"""Words that the actions put into responses: every code that can come has one, in both languages."""

from __future__ import annotations

import re

import pytest
import yaml

from cases.lifecycle import STATUSES
from nlu.triage import topic_names
from tests.running import ROOT

TERMS = yaml.safe_load((ROOT / "actions/terms.yml").read_text(encoding="utf-8"))
KINDS = ("complaint", "suggestion", "praise", "question", "consultation")
NEEDED = [
    *(f"status_{status}" for status in STATUSES),
    *(f"kind_{kind}" for kind in KINDS),
    *(f"topic_{code}" for code in topic_names()),
]


@pytest.mark.parametrize("code", NEEDED)
def test_every_code_has_its_words(code: str) -> None:
    assert TERMS[code]["zh"] and TERMS[code]["en"]


def test_topics_are_called_what_the_reader_calls_them() -> None:
    assert {code: TERMS[f"topic_{code}"] for code in topic_names()} == topic_names()


@pytest.mark.parametrize("code", sorted(TERMS))
def test_both_languages_have_the_same_blanks(code: str) -> None:
    zh, en = (set(re.findall(r"\{(\w+)\}", TERMS[code][language])) for language in ("zh", "en"))
    assert zh == en


def test_every_term_that_an_action_asks_for_exists() -> None:
    asked = set()
    for file in (ROOT / "actions").glob("*.py"):
        asked |= set(re.findall(r'term\("([a-z_]+)"', file.read_text(encoding="utf-8")))
    assert asked and asked <= set(TERMS)
