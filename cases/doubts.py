"""Holds a case's fields against the resident's words, and tells the case in one line made of those words."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from cases.case import Case
from cases.county import County

SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]?")
LONGEST = 60
SHORTEST = 6


def doubts(case: Case, county: County) -> list[str]:
    """Codes of what an operator should look at before dispatch; empty when words and fields agree.

    lost_<signal>: said in the words and not marked; danger: told by the words of a case that is no emergency; question:
    the words only ask and the case is a complaint; several: the words tell more than one matter; place: the words name
    another town than the field; contact, identity: a phone or identity number stands in the words; category, town: the
    field is empty.
    """
    words, known = "\n".join(case.words), _known()
    told = [code for code, said in known["signals"].items() if said.search(words)]
    found = [f"lost_{code}" for code in told if code not in case.signals]
    if not case.emergency and known["danger"].search(words):
        found.append("danger")
    if case.kind == "complaint" and all(known["question"].search(w.strip()) for w in case.words):
        found.append("question")
    if known["several"].search(words):
        found.append("several")
    named = {town.code for town in county.towns if town.name in words}
    if named and case.town not in named:
        found.append("place")
    found += [code for code in ("contact", "identity") if known[code].search(words)]
    found += [field for field in ("category", "town") if not getattr(case, field) and case.kind != "consultation"]
    return found


def summary(case: Case) -> str:
    """One line for the queue: the first sentence of the resident's own words that tells something, 60 characters."""
    for words in case.words:
        for sentence in SENTENCE.findall(_known()["preface"].sub("", words.strip())):
            told = sentence.strip()
            if len(told) >= SHORTEST:
                return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"
    return "".join(case.words)[:LONGEST]


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    read = yaml.safe_load(Path(__file__).with_name("doubts.yml").read_text(encoding="utf-8"))
    flags = re.IGNORECASE
    known: dict[str, Any] = {code: re.compile(p, flags) for code, p in read.items() if isinstance(p, str)}
    known["signals"] = {code: re.compile(p, flags) for code, p in read["signals"].items()}
    return known
