"""Finds the guides a question is about, by meaning and by words, and says how sure it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.guides import Guide
from knowledge.meaning import QUESTION, Meaning, Vector, key_of
from knowledge.words import search_words

WORDS_WEIGHT = 0.08
EVEN, STEEP = 0.93, 90.0  # the fit at which a guide is as likely right as wrong, and how fast that changes


@dataclass(frozen=True)
class Found:
    """A guide and how well it fits: the nearest phrase's cosine plus a share of common words."""

    guide: Guide
    score: float

    @property
    def sure(self) -> float:
        """How likely it is that the guide answers the question, 0 to 1."""
        return 1.0 / (1.0 + float(np.exp((EVEN - self.score) * STEEP)))


class GuideSearch:
    """The titles, ways of asking and short answers of all guides, searchable."""

    def __init__(self, guides: Sequence[Guide], meaning: Meaning) -> None:
        self.guides, self._meaning = tuple(guides), meaning
        phrases = [(n, text) for n, guide in enumerate(guides) for text in phrases_of(guide)]
        self._guide_of = np.array([n for n, _ in phrases], dtype=np.int64)
        self._vectors = meaning.of([text for _, text in phrases], as_questions=True)
        self.keys = np.array([key_of(QUESTION + text) for _, text in phrases], dtype=np.int64)
        found_in: dict[str, list[int]] = defaultdict(list)
        for n, (_, text) in enumerate(phrases):
            for word in sorted(set(search_words(text))):
                found_in[word].append(n)
        self._found_in = {word: np.array(places) for word, places in found_in.items()}
        self._weight = {word: float(np.log(1 + len(phrases) / len(found))) for word, found in found_in.items()}
        self._unseen = float(np.log(1 + max(len(phrases), 1)))
        self._mass = self._common(found_in)

    def scores(self, question: str) -> Vector:
        """(phrases,) fit of every phrase."""
        near = self._vectors @ self._meaning.question(question)
        return near + WORDS_WEIGHT * self._overlap(question)

    def _overlap(self, question: str) -> Vector:
        asked = frozenset(search_words(question))
        mass = sum(self._weight.get(word, self._unseen) for word in asked)
        return self._common(asked & self._found_in.keys()) / np.maximum(np.sqrt(mass * self._mass), 1e-6)

    def _common(self, words: Iterable[str]) -> Vector:
        """(phrases,) weight of those of the words that each phrase has."""
        common = np.zeros(len(self._guide_of), dtype=np.float32)
        for word in words:
            common[self._found_in[word]] += self._weight[word]
        return common

    def find(self, question: str, top: int = 5) -> list[Found]:
        """The best guides, best first, each by its best phrase."""
        if not len(self._guide_of):
            return []
        scores = self.scores(question)
        best = np.full(len(self.guides), -1.0, dtype=np.float32)
        np.maximum.at(best, self._guide_of, scores)
        order = np.argsort(-best)[:top]
        return [Found(self.guides[n], float(best[n])) for n in order]


def phrases_of(guide: Guide) -> list[str]:
    """The texts a guide is found by, in both languages."""
    return [
        *(line for name in ("title", "asked", "short") for lang in ("zh", "en") for line in guide.lines(name, lang))
    ]
