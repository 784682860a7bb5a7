"""What the library asks of a search of the law; every engine weighs words, meaning and laws the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from knowledge.meaning import Vector
from knowledge.statutes import Article
from knowledge.words import Expansion, LayTerms, search_words

MEANING_WEIGHT, TERM_WEIGHT, LAW_WEIGHT, ASKED_WEIGHT, NAMED_WEIGHT = 0.4, 0.55, 0.15, 0.25, 0.5
GROUND_WEIGHT = 0.4
MOST_MENTIONS = 2
# How sure it is that the best three hold an answer: fitted to lay questions (right) and to talk that is none (wrong).
SURE_NEAR, SURE_COVERED, SURE_AHEAD, SURE_BASE = 16.4, 3.3, 0.43, -7.9
SURE_COVERED_ONLY, SURE_BASE_ONLY = 7.1, -3.6  # where there are no vectors yet: words alone are less sure

PlainWords = Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class Hit:
    """One article found: its number in the store, how well it fits, and its cosine, if that is known."""

    article_id: int
    score: float
    near: float
    known: bool


def gains(
    grounds: Mapping[tuple[str, int], float], asked: Mapping[tuple[str, int], float]
) -> dict[tuple[str, int], float]:  # fmt: skip
    """What articles gain by what their words don't show: that guides stand on them which the question may be about
    (with how likely it is), and that questions like it are asked of them (with how like)."""
    found = {article: GROUND_WEIGHT * likely**0.5 for article, likely in grounds.items()}
    for article, like in asked.items():
        found[article] = found.get(article, 0.0) + like
    return found


def passage_of(article: Article, plain: str = "") -> str:
    """What an article is found by: its law, its headings, how people ask for it, its own words."""
    return " ".join(part for part in (article.law, article.heading, plain, *article.text.split()) if part)


class LawEngine(ABC):
    """Finds articles. An engine keeps the passages, and knows how rare words and how near meanings are."""

    def __init__(self, lay: LayTerms, plain: PlainWords) -> None:
        self._plain, self._expand = plain, lru_cache(maxsize=64)(lay.expand)
        self._asked = {law for law, _ in plain} | {law for term in lay.terms for law in term.laws}

    @property
    @abstractmethod
    def learnt(self) -> float:
        """The share of articles that can be found by meaning, 0 to 1."""

    @abstractmethod
    def find(
        self, question: str, top: int, today: date, named: Sequence[str] = (),
        gains: Mapping[tuple[str, int], float] | None = None,
    ) -> list[Hit]:  # fmt: skip
        """The best articles in force on a day, best first. `named`: laws that the question names; `gains`: what else
        speaks for articles (see `gains`)."""

    @abstractmethod
    def learn(
        self, today: date, progress: Callable[[int, int], None] = lambda done, of: None, most: int | None = None
    ) -> None:
        """Embeds the articles not yet embedded, the most wanted first, at most `most`; searches go on meanwhile."""

    @abstractmethod
    def rarities(self, words: Collection[str]) -> Mapping[str, float]:
        """How rare words are: the logarithm of how many passages there are for each that has the word."""

    def together(self, words: Vector, terms: Vector, near: Vector, known: Vector, spread: float) -> Vector:
        """(n,) words, lay terms and meaning added up; `spread`: standard deviation of the cosines of all passages."""
        total = scaled(words) + TERM_WEIGHT * scaled(terms)
        meant = MEANING_WEIGHT * np.where(known, np.maximum(near / max(spread, 1e-6), 0.0), 0.0)
        return np.asarray(total + meant)

    def favour(self, laws: Sequence[str], meant: Expansion, named: Sequence[str]) -> Vector:
        """(laws,) what an article gains by its law: one people ask about, that their words point to, that they name."""
        gains = [
            ASKED_WEIGHT * (law in self._asked)
            + LAW_WEIGHT * min(meant.laws.get(law, 0), MOST_MENTIONS)
            + NAMED_WEIGHT * (law in named)
            for law in laws
        ]
        return np.array(gains, dtype=np.float32)

    def covered(self, question: str, article: Article) -> float:
        """The share of a question's words, the rare ones counting more, that an article has; 0 to 1."""
        asked = set(search_words(question)) | {
            word for term in self._expand(question).terms for word in search_words(term)
        }
        there, weight = set(search_words(self._passage(article))), self.rarities(asked)
        return sum(weight[word] for word in asked & there) / max(sum(weight.values()), 1e-6)

    def sure(self, question: str, hits: Sequence[Hit], best: Article) -> float:
        """How likely it is that the best hits answer the question, 0 to 1."""
        covered = self.covered(question, best)
        if hits[0].known:
            ahead = hits[0].score - hits[1].score if len(hits) > 1 else 0.0
            likely = SURE_NEAR * hits[0].near + SURE_COVERED * covered + SURE_AHEAD * ahead + SURE_BASE
        else:
            likely = SURE_COVERED_ONLY * covered + SURE_BASE_ONLY
        return 1.0 / (1.0 + float(np.exp(-likely)))

    def _passage(self, article: Article) -> str:
        return passage_of(article, self._plain.get((article.law, article.number), ""))


def firsts(rows: Iterable[int], same: Callable[[int], object], top: int) -> list[int]:
    """The first `top` of rows, best first, one of each that are the `same`."""
    seen: dict[object, int] = {}
    for row in rows:
        if len(seen) == top:
            break
        seen.setdefault(same(row), row)
    return list(seen.values())


def scaled(scores: Vector) -> Vector:
    """Scores divided by the best of them."""
    best = scores.max() if len(scores) else 0.0
    return scores / best if best > 0 else scores
