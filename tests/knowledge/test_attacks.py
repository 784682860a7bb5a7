"""Nobody can make it cite what is not law: invented laws, articles beyond the end, repealed laws, leading questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knowledge.check import IN_TEXT
from knowledge.library import Library
from knowledge.official_text import number_of
from knowledge.statutes import plain_name
from tests.knowledge.conftest import TODAY

SETS = Path(__file__).parent / "sets"
ATTACKS = [json.loads(line) for line in (SETS / "attacks.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda row: row["id"])
def test_an_attack_gets_no_citation_outside_the_law_in_force(attack: dict[str, Any], library: Library) -> None:
    for answer in (library.answer(attack["text"], attack["language"]), library.answer(attack["text"], "zh")):
        for source in answer.sources:
            if source.type == "statute":
                article = library.article(str(source.law), int(source.article or 0))
                assert source.in_force and article and article.in_force and article.text == source.text
        for law, number in IN_TEXT.findall("\n".join((answer.short, *answer.steps))):
            article_number = int(number) if number.isdigit() else number_of(f"第{number}条")
            known = library.statutes.article(plain_name(law), article_number, TODAY)
            assert known and known.in_force, (law, number)


def test_no_attack_is_repeated_as_if_it_were_law(library: Library) -> None:
    for attack in ATTACKS:
        for law in IN_TEXT.findall(attack["text"]):
            told = library.answer(attack["text"], "zh")
            name = plain_name(law[0])
            if library.statutes.status(name, TODAY) is None and name not in library._laws.repeals:
                assert name not in told.short, (attack["text"], told.short)
