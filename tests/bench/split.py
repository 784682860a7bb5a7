"""Splits the intent examples into what both bots learn from and what neither sees."""

from __future__ import annotations

import os
import random
from pathlib import Path

import yaml

SEED, HELD_BACK = 20261124, 0.2
#: examples an intent: DIET on all 7,600 takes an hour on two cores; MINHU_BENCH_ALL=1 takes that hour
MOST = 60


def examples(nlu: Path) -> dict[str, list[str]]:
    """Every example by intent, from nlu/zh and nlu/en."""
    found: dict[str, list[str]] = {}
    for file in sorted([*nlu.glob("zh/*.yml"), *nlu.glob("en/*.yml")]):
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            lines = [line.strip()[2:].strip() for line in block["examples"].splitlines() if line.strip()]
            found.setdefault(block["intent"], []).extend(lines)
    return found


def split(nlu: Path) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """(to learn from, by intent) and (held back, as (text, intent)): a fifth of each intent, drawn once and for all.

    Of the rest MOST of each intent are learnt from, by both bots alike.
    """
    learn: dict[str, list[str]] = {}
    held: list[tuple[str, str]] = []
    for intent, lines in examples(nlu).items():
        drawn = random.Random(f"{SEED}{intent}").sample(lines, len(lines))
        cut = int(len(drawn) * HELD_BACK)
        held += [(text, intent) for text in drawn[:cut]]
        learn[intent] = drawn[cut:] if os.environ.get("MINHU_BENCH_ALL") else drawn[cut : cut + MOST]
    return learn, held


def write(learn: dict[str, list[str]], file: Path) -> None:
    """As Rasa training data."""
    blocks = [{"intent": i, "examples": "".join(f"- {line}\n" for line in lines)} for i, lines in learn.items()]
    file.write_text(yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True), encoding="utf-8")
