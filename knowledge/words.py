"""Turns questions and texts into search words, and everyday words into the words of the law."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import yaml

RUN = re.compile(r"[\u4e00-\u9fff]+|[a-z0-9]+")
HAN_START = "\u4e00"
MIN_ENGLISH = 2


def search_words(text: str) -> list[str]:
    """Overlapping pairs of characters for Chinese, whole words for the rest, in the order of the text."""
    found: list[str] = []
    for run in RUN.findall(text.lower()):
        if run[0] < HAN_START or len(run) == 1:
            found.append(run)
        else:
            found.extend(run[i : i + 2] for i in range(len(run) - 1))
    return found


@dataclass(frozen=True)
class LayTerm:
    """How people say a thing, how the law says it, and which laws speak of it."""

    said: tuple[re.Pattern[str], ...]
    means: str
    laws: tuple[str, ...]


@dataclass(frozen=True)
class Expansion:
    """What a question means in the words of the law: terms to search for, and laws with how often they were named."""

    terms: tuple[str, ...]
    laws: Mapping[str, int]


class LayTerms:
    """The table of everyday words (lay_terms.yml)."""

    def __init__(self, terms: Iterable[LayTerm]) -> None:
        self.terms = tuple(terms)

    @classmethod
    def load(cls, path: Path | None = None) -> LayTerms:
        """Reads lay_terms.yml. Raises KeyError when an entry lacks `said` or `means`."""
        path = path or Path(__file__).with_name("lay_terms.yml")
        entries: list[dict[str, Any]] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or []
        return cls(
            LayTerm(tuple(pattern_of(word) for word in entry["said"]), entry["means"], tuple(entry.get("laws", ())))
            for entry in entries
        )

    def expand(self, question: str) -> Expansion:
        """Every entry whose words occur in the question."""
        text = question.lower()
        terms: list[str] = []
        laws: dict[str, int] = {}
        for term in self.terms:
            if any(pattern.search(text) for pattern in term.said):
                terms.append(term.means)
                for law in term.laws:
                    laws[law] = laws.get(law, 0) + 1
        return Expansion(tuple(dict.fromkeys(terms)), laws)


def load_plain_words(folder: Path | None = None) -> dict[tuple[str, int], str]:
    """{(law, article): how people ask for it}, from every file in plain_words/."""
    folder = folder or Path(__file__).with_name("plain_words")
    words: dict[tuple[str, int], str] = {}
    for path in sorted(folder.glob("*.yml")):
        table = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for number, said in table["articles"].items():
            key = table["law"], number
            words[key] = f"{words[key]}，{said}" if key in words else said
    return words


def pattern_of(word: str) -> re.Pattern[str]:
    """A pattern for words as said: `…` stands for a few characters between; English words match whole."""
    parts = [re.escape(part.strip()) for part in word.lower().split("…")]
    inner = ".{0,8}".join(parts)
    return re.compile(rf"\b{inner}\b" if word.isascii() else inner)


def bm25_scores(index: bm25s.BM25, words: Iterable[str]) -> np.ndarray:
    """(texts,) float32 BM25 scores, nought where no word is known: bm25s's own, which adds word by word, in one go."""
    kept, vocabulary = index.scores, index.vocab_dict
    parts = [slice(*kept["indptr"][n : n + 2]) for n in (vocabulary[word] for word in words if word in vocabulary)]
    count = int(kept["num_docs"])
    if not parts:
        return np.zeros(count, dtype=np.float32)
    texts, gains = (np.concatenate([kept[name][part] for part in parts]) for name in ("indices", "data"))
    return np.bincount(texts, gains, count).astype(np.float32)
