"""Finds articles by questions that people ask and that they answer: a question is more like a question than like law.

The questions lie in asked/ (written for this) and plain_words/ (the phrases that articles are also found by as words).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import yaml

from knowledge.guide_search import bm25_of, signs_of
from knowledge.law_engine import scaled
from knowledge.meaning import QUESTION, Meaning, Near, key_of
from knowledge.words import bm25_scores, search_words

#: so many articles, whose questions are the likest, gain by them
MOST = 100
#: of the nearest question's cosine squared, of BM25 by words and by single characters, each divided by the best
NEAR_WEIGHT, WORD_WEIGHT, SIGN_WEIGHT = 3.0, 0.5, 0.5
PHRASES = re.compile("[，；。？?]")

Article = tuple[str, int]
Articles = Mapping[Article, Sequence[str]]


@dataclass(frozen=True)
class Questions:
    """One file of questions; it counts while its text is law, from `since` up to the day before `until` (ISO dates)."""

    law: str
    articles: Mapping[int, Sequence[str]]
    since: str = ""
    until: str = ""

    def count_on(self, today: date) -> bool:
        """Whether they are of the text that is law on a day."""
        return self.since <= today.isoformat() and (not self.until or today.isoformat() < self.until)


def read_asked(folder: Path | None = None) -> list[Questions]:
    """Every file in asked/."""
    folder = folder or Path(__file__).with_name("asked")
    tables = (yaml.load(p.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) for p in sorted(folder.glob("*.yml")))
    return [Questions(t["law"], t["articles"], str(t.get("since", "")), str(t.get("until", ""))) for t in tables]


def load_asked(plain: Mapping[Article, str], today: date, folder: Path | None = None) -> dict[Article, list[str]]:
    """{(law, article): questions} that count on a day: the phrases of plain words, and those of the files in asked/."""
    found = {key: [phrase.strip() for phrase in PHRASES.split(said) if phrase.strip()] for key, said in plain.items()}
    for file in read_asked(folder):
        for number, questions in file.articles.items() if file.count_on(today) else ():
            found.setdefault((file.law, number), []).extend(questions)
    return found


class Asked:
    """The questions with their vectors around the middle of all of them, length one."""

    def __init__(self, articles: Articles, meaning: Meaning) -> None:
        """Embeds what is neither packed nor learnt yet."""
        self._meaning = meaning
        self._articles = [key for key, questions in articles.items() if questions]
        texts = [(number, text) for number, key in enumerate(self._articles) for text in articles[key]]
        self._article_of = np.array([number for number, _ in texts], dtype=np.int64)
        self.keys = np.array([key_of(QUESTION + text) for _, text in texts], dtype=np.int64)
        vectors = meaning.of([text for _, text in texts], as_questions=True)
        self._middle = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], dtype=np.float32)
        vectors = vectors - self._middle
        self._near = Near(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))
        # texts lie article by article, so the best of each is a maximum over a stretch
        self._starts = np.unique(self._article_of, return_index=True)[1]
        self._words = bm25_of([[w for text in articles[key] for w in search_words(text)] for key in self._articles])
        self._signs = bm25_of([[s for text in articles[key] for s in signs_of(text)] for key in self._articles])

    def like(self, question: str) -> dict[tuple[str, int], float]:
        """The articles of which questions like this one are asked, each with how like they are, about 0 to 4."""
        if not self._articles:
            return {}
        asked = self._meaning.question(question) - self._middle
        cosines = self._near.cosines(asked / max(float(np.linalg.norm(asked)), 1e-6))
        like = NEAR_WEIGHT * np.maximum(np.maximum.reduceat(cosines, self._starts), 0.0) ** 2
        like += WORD_WEIGHT * scaled(bm25_scores(self._words, search_words(question)))
        like += SIGN_WEIGHT * scaled(bm25_scores(self._signs, signs_of(question)))
        first = np.argpartition(-like, min(MOST, len(like) - 1))[:MOST]
        return {self._articles[n]: float(like[n]) for n in first}
