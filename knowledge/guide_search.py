"""Finds the guides a question is about, by meaning and by words, and says how sure it is.

Every guide is found by the phrases it lists. Vectors of sentences lie close together, so they are first spread by how
phrases of one guide differ among themselves (a whitening by the within-class covariance, as in Fisher's discriminant);
then the middle of all phrases of a guide, the nearest of them and three BM25 scores are added. The weighted sum is the
exponent of a softmax: which guide is meant, if any. That any is meant shows in how near the nearest phrase lies; both
together say how sure an answer is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bm25s
import numpy as np

from knowledge.guides import Guide
from knowledge.meaning import QUESTION, Meaning, Near, Vector, key_of
from knowledge.words import bm25_scores, search_words

#: how far the covariance is drawn towards a sphere, so that few phrases don't decide it
SHRINKAGE = 0.4
K1, B = 1.2, 0.4
#: middle of the phrases, the nearest of them, BM25 of the phrases, of all the guide says, of its single characters
FEATURES = ("middle", "nearest", "phrases", "said", "signs")
#: chosen by hand on questions in other words (tests/knowledge/sets): `python -m knowledge.fit_guides` trusts the middle
#: more, as a phrase that is left out lies among its like
WEIGHTS = np.array([0.7, 0.9, 0.2, 0.1, 0.25], dtype=np.float32)
#: found by `fit_guides`: of the log odds of the likeliest guide, of the nearest phrase's cosine, and the base
SURE = (0.55, 0.6, -1.0)
#: so many guides lend their articles to the search of the law
GROUNDED = 15


Words = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Found:
    """A guide and how likely it is that the question is about it, 0 to 1; `share`: among all guides, if about any."""

    guide: Guide
    score: float
    share: float = 1.0

    @property
    def sure(self) -> float:
        """The same: the score is a probability."""
        return self.score


class Index:
    """Phrases with their vectors and the number of the guide each belongs to, and what each guide says in words."""

    def __init__(
        self, vectors: Vector, guide_of: Vector, asked: Words, said: Words, signs: Words
    ) -> None:  # fmt: skip
        """`vectors`: (phrases, 384), guide by guide; `guide_of`: (phrases,) the number of each one's guide; for each
        guide the words of its phrases, of all it says, and the characters of that."""
        self._near = Near(vectors)
        self._starts = np.unique(guide_of, return_index=True)[1]
        middles = means_of(vectors, guide_of, len(said))
        self._mean = vectors.mean(axis=0)
        within = vectors - middles[guide_of]
        size = within.shape[1]
        spread = within.T @ within / max(len(within), 1)
        spread = (1 - SHRINKAGE) * spread + (SHRINKAGE * np.trace(spread) / size + 1e-9) * np.eye(size)
        values, axes = np.linalg.eigh(spread)
        self._whiten = (axes / np.sqrt(values)).astype(np.float32)
        self._centres = unit((middles - self._mean) @ self._whiten)
        self._bm_asked, self._bm_said, self._bm_signs = bm25_of(asked), bm25_of(said), bm25_of(signs)

    def features(self, question: str, vector: Vector) -> tuple[Vector, float]:
        """(5, guides) features, each around nought with a spread of one over the guides; the cosine of the nearest."""
        asked, words = unit(((vector - self._mean) @ self._whiten)[None, :])[0], search_words(question)
        nearest = np.maximum.reduceat(self._near.cosines(vector), self._starts)
        rows = (
            self._centres @ asked,
            nearest,
            bm25_scores(self._bm_asked, words),
            bm25_scores(self._bm_said, words),
            bm25_scores(self._bm_signs, signs_of(question)),
        )
        return np.stack([standard(row) for row in rows]), float(nearest.max())


class GuideSearch:
    """The titles, ways of asking and short answers of all guides, searchable."""

    def __init__(self, guides: Sequence[Guide], meaning: Meaning, beyond: Sequence[Guide] = ()) -> None:
        """`beyond`: themes of questions that nothing here can answer; they take their share of the chance."""
        self.guides, self.themes, self._meaning = tuple(guides), tuple(beyond), meaning
        known = (*self.guides, *self.themes)
        phrases = [(n, text) for n, guide in enumerate(known) for text in phrases_of(guide)]
        texts = [text for _, text in phrases]
        self._last: tuple[str, Vector, float] = "", np.zeros(0, dtype=np.float32), 0.0
        self.keys = np.array([key_of(QUESTION + text) for text in texts], dtype=np.int64)
        self._index = index_of(known, [n for n, _ in phrases], meaning.of(texts, as_questions=True))

    def find(self, question: str, top: int = 5) -> list[Found]:
        """The likeliest guides, best first."""
        if not self.guides:
            return []
        shares, near = self._read(question)
        order = np.argsort(-shares[: len(self.guides)])[:top]
        return [Found(self.guides[n], sure(shares[n], near), float(shares[n])) for n in order]

    def beyond(self, question: str) -> Found | None:
        """The likeliest theme that nothing here can answer, with the chance that it is any of them."""
        shares = self._read(question)[0][len(self.guides) :] if self.themes else np.zeros(0)
        return Found(self.themes[int(np.argmax(shares))], float(shares.sum())) if len(shares) else None

    def grounds(self, question: str) -> dict[tuple[str, int], float]:
        """The articles that the likeliest guides stand on, each with how likely its guide is meant."""
        found: dict[tuple[str, int], float] = {}
        for one in self.find(question, GROUNDED):
            for ground in one.guide.grounds:
                found.setdefault((ground.law, ground.article), one.share)
        return found

    def _read(self, question: str) -> tuple[Vector, float]:
        """((guides and themes,) shares that sum to one, the nearest phrase's cosine). Those of the last question are
        kept: several answers look at it."""
        asked, shares, near = self._last
        if asked != question:
            features, near = self._index.features(question, self._meaning.question(question))
            shares = softmax(WEIGHTS @ features)
            self._last = question, shares, near
        return shares, near


def sure(share: float, near: float) -> float:
    """How likely it is that the guide with this share is meant, when the nearest phrase is so near."""
    odds, nearness, base = SURE
    share = min(max(float(share), 1e-6), 1 - 1e-6)
    return float(1 / (1 + np.exp(-(odds * np.log(share / (1 - share)) + nearness * near + base))))


def means_of(vectors: Vector, guide_of: Vector, count: int) -> Vector:
    """(count, 384): the middle of the phrases of each guide."""
    total = np.zeros((count, vectors.shape[1]), dtype=np.float32)
    np.add.at(total, guide_of, vectors)
    return np.asarray(total / np.maximum(np.bincount(guide_of, minlength=count), 1)[:, None])


def index_of(guides: Sequence[Guide], guide_of: Sequence[int], vectors: Vector) -> Index:
    """The index of phrases that belong to guides."""
    asked = [[word for text in phrases_of(guide) for word in search_words(text)] for guide in guides]
    said = [[word for text in texts_of(guide) for word in search_words(text)] for guide in guides]
    signs = [[sign for text in texts_of(guide) for sign in signs_of(text)] for guide in guides]
    return Index(vectors, np.array(guide_of, dtype=np.int64), asked, said, signs)


def phrases_of(guide: Guide) -> list[str]:
    """The texts a guide is found by, in both languages."""
    return [
        *(line for name in ("title", "asked", "short") for lang in ("zh", "en") for line in guide.lines(name, lang))
    ]


def texts_of(guide: Guide) -> Iterable[str]:
    """Everything a guide says, in both languages."""
    return (line for words in guide.words.values() for lines in words.values() for line in lines)


def signs_of(text: str) -> list[str]:
    """The Chinese characters of a text, one by one: a voice-typed word keeps some of them."""
    return [sign for sign in text if "\u4e00" <= sign <= "\u9fff"]


def bm25_of(texts: Sequence[Sequence[str]]) -> bm25s.BM25:
    """An index of word lists."""
    made = bm25s.BM25(k1=K1, b=B)
    made.index([list(words) or [""] for words in texts], show_progress=False)
    return made


def standard(scores: Vector) -> Vector:
    """Around nought, with a spread of one; all nought where all are the same."""
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores)


def unit(vectors: Vector) -> Vector:
    """Rows of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def softmax(exponents: Vector) -> Vector:
    """Shares that sum to one."""
    shares = np.exp(exponents - exponents.max())
    return np.asarray(shares / shares.sum())
