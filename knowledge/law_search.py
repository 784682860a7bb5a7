"""Finds the articles of national law that a question is about, by words and by meaning, and says how sure it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import bm25s
import numpy as np

from knowledge.meaning import Meaning, Vector, key_of, unpacked
from knowledge.statutes import NOT_CITED_KINDS, Article, Statutes
from knowledge.words import LayTerms, search_words

FORMAT = 2
PASSAGE_LENGTH = 320
K1, B = 1.2, 0.5
MEANING_WEIGHT, TERM_WEIGHT, LAW_WEIGHT, ASKED_WEIGHT, NAMED_WEIGHT = 0.4, 0.55, 0.15, 0.25, 0.5
GROUND_WEIGHT = 0.4
MOST_MENTIONS = 2
# How sure it is that the best three hold an answer: fitted to lay questions (right) and to talk that is none (wrong).
SURE_NEAR, SURE_COVERED, SURE_AHEAD, SURE_BASE = 10.4, 3.2, 1.0, -5.6
SURE_COVERED_ONLY, SURE_BASE_ONLY = 7.1, -3.6  # where there are no vectors yet: words alone are less sure
LOOK_AGAIN = 30.0  # seconds between two looks for what another process has learnt

PlainWords = Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class Hit:
    """One article found: its number in the store, how well it fits, and its cosine, if that is known."""

    article_id: int
    score: float
    near: float
    known: bool


def passage_of(article: Article, plain: str = "") -> str:
    """What an article is found by: its law, its headings, how people ask for it, its own words."""
    return " ".join(part for part in (article.law, article.heading, plain, *article.text.split()) if part)


def read_by_meaning(passage: str) -> str:
    """As much of a passage as is embedded."""
    return passage[:PASSAGE_LENGTH]


class LawSearch:
    """Every article that is in force or will be, searchable; which of them are law today is decided when asked."""

    def __init__(
        self, statutes: Statutes, meaning: Meaning, folder: Path, lay: LayTerms, plain: PlainWords, today: date
    ) -> None:
        self._statutes, self._meaning, self._lay, self._plain = statutes, meaning, lay, plain
        self._asked = {law for law, _ in plain} | {law for term in lay.terms for law in term.laws}
        self._reading = threading.Lock()
        self._load(folder, today)
        self._valid_on: tuple[str, Vector] | None = None
        self._look_at, self._changes = 0.0, meaning.changes()
        self._read_vectors()

    # --- building --------------------------------------------------------------------------------------------------

    def _load(self, folder: Path, today: date) -> None:
        home = folder / f"articles-{self._fingerprint()}"
        if not (home / "done").exists():
            self._build(home, today)
            for other in folder.glob("articles-*"):
                if other != home:
                    shutil.rmtree(other, ignore_errors=True)
        self._words = bm25s.BM25.load(str(home / "words"), mmap=True, load_vocab=True)
        facts = json.loads((home / "rows.json").read_text(encoding="utf-8"))
        self.laws: list[str] = facts["laws"]
        self._starts: list[str] = facts["starts"]
        self._ends: list[str] = facts["ends"]
        columns = np.load(home / "rows.npz")
        self.ids, self.law_of, self.numbers = columns["ids"], columns["law_of"], columns["numbers"]
        self.keys = columns["keys"]
        self._rows_of: dict[tuple[str, int], list[int]] = {}
        for row, (law, number) in enumerate(zip(self.law_of, self.numbers, strict=True)):
            self._rows_of.setdefault((self.laws[law], int(number)), []).append(row)

    def _fingerprint(self) -> str:
        texts = sorted(str((v.law_id, v.starts, v.ends)) for held in self._statutes.versions.values() for v in held)
        own = (FORMAT, PASSAGE_LENGTH, K1, B, texts, sorted(self._plain.items()))
        return hashlib.blake2b(repr(own).encode(), digest_size=6).hexdigest()

    def _build(self, home: Path, today: date) -> None:
        day = today.isoformat()
        versions = [
            v
            for held in self._statutes.versions.values()
            for v in held
            if not v.unclear and (v.ends is None or v.ends > day) and v.kind not in NOT_CITED_KINDS
        ]
        articles = [(n, a) for n, v in enumerate(versions) for a in self._statutes.articles(v, today)]
        passages = [passage_of(a, self._plain.get((a.law, a.number), "")) for _, a in articles]
        sought = [search_words(passage) for passage in passages]
        words = bm25s.BM25(k1=K1, b=B)
        words.index(sought, show_progress=False)
        shutil.rmtree(home, ignore_errors=True)
        (home / "words").mkdir(parents=True)
        words.save(str(home / "words"), show_progress=False)
        facts = {
            "laws": [v.law for v in versions],
            "starts": [v.starts for v in versions],
            "ends": [v.ends or "" for v in versions],
        }
        (home / "rows.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        np.savez(
            home / "rows.npz",
            ids=np.array([a.id for _, a in articles], dtype=np.int64),
            law_of=np.array([n for n, _ in articles], dtype=np.int32),
            numbers=np.array([a.number for _, a in articles], dtype=np.int32),
            keys=np.array([key_of(read_by_meaning(passage)) for passage in passages], dtype=np.int64),
        )
        (home / "done").touch()

    # --- meaning, as it arrives ------------------------------------------------------------------------------------

    @property
    def learnt(self) -> float:
        """The share of articles that can be found by meaning, 0 to 1."""
        return float(self._known.mean()) if len(self._known) else 1.0

    def _read_vectors(self) -> None:
        stored, known = self._meaning.known_keys(self.keys)
        vectors = unpacked(stored)
        middle = vectors[known].mean(axis=0) if known.any() else np.zeros(vectors.shape[1], dtype=np.float32)
        vectors[known] = unpacked(vectors[known] - middle)
        with self._reading:
            self._vectors, self._known, self._middle = vectors, known, middle

    def _look_again(self) -> None:
        """Takes up what another process has learnt since the last look, without holding up the search."""
        now = time.monotonic()
        if self._known.all() or now < self._look_at:
            return
        self._look_at = now + LOOK_AGAIN
        changes = self._meaning.changes()
        if changes != self._changes:
            self._changes = changes
            threading.Thread(target=self._read_vectors, daemon=True).start()

    def wanted(self) -> Vector:
        """Row numbers of all articles, those of the laws that residents ask about first."""
        return np.argsort(~self._is_asked(), kind="stable")

    def asked_about(self) -> Vector:
        """Row numbers of the articles of the laws that residents ask about: that have plain words or lay terms."""
        return np.flatnonzero(self._is_asked())

    def _is_asked(self) -> Vector:
        return np.array([law in self._asked for law in self.laws], dtype=bool)[self.law_of]

    def learn(
        self, today: date, progress: Callable[[int, int], None] = lambda done, of: None, most: int | None = None
    ) -> None:
        """Embeds the articles not yet embedded, the most wanted first, at most `most`; searches go on meanwhile."""
        missing = [row for row in self.wanted() if not self._known[row]][:most]
        found = (self._statutes.by_id(int(self.ids[row]), today) for row in missing)
        texts = [read_by_meaning(self._passage(article)) for article in found if article]
        self._meaning.learn(texts, lambda done: progress(done, len(texts)))
        self._read_vectors()

    def _passage(self, article: Article) -> str:
        return passage_of(article, self._plain.get((article.law, article.number), ""))

    # --- searching -------------------------------------------------------------------------------------------------

    def valid(self, today: date) -> Vector:
        """(n,) bool: which articles are law on a day; kept for the day last asked."""
        day = today.isoformat()
        if self._valid_on is None or self._valid_on[0] != day:
            laws = [
                starts <= day and (not ends or day < ends)
                for starts, ends in zip(self._starts, self._ends, strict=True)
            ]
            self._valid_on = day, np.array(laws, dtype=bool)[self.law_of]
        return self._valid_on[1]

    def word_scores(self, words: Sequence[str]) -> Vector:
        """(n,) BM25 scores."""
        known = [word for word in words if word in self._words.vocab_dict]
        if not known:
            return np.zeros(len(self.ids), dtype=np.float32)
        scores: Vector = self._words.get_scores(known)
        return scores

    def nearness(self, question: str) -> tuple[Vector, Vector]:
        """((n,) cosines around the middle of all articles, (n,) bool for which of them there is one)."""
        with self._reading:
            vectors, known, middle = self._vectors, self._known, self._middle
        if not known.any():
            return np.zeros(len(known), dtype=np.float32), known
        asked = self._meaning.question(question) - middle
        return vectors @ (asked / max(float(np.linalg.norm(asked)), 1e-6)), known

    def scores(self, question: str, near: Vector, known: Vector, named: Sequence[str] = ()) -> Vector:
        """(n,) how well every article fits the question; `named`: laws that the question names."""
        meant = self._lay.expand(question)
        words = scaled(self.word_scores(search_words(question)))
        terms = scaled(self.word_scores([w for term in meant.terms for w in search_words(term)]))
        total = words + TERM_WEIGHT * terms
        if known.any():
            spread = max(float(near[known].std()), 1e-6)
            total = total + MEANING_WEIGHT * np.where(known, np.maximum(near / spread, 0.0), 0.0)
        favour = [
            ASKED_WEIGHT * (law in self._asked)
            + LAW_WEIGHT * min(meant.laws.get(law, 0), MOST_MENTIONS)
            + NAMED_WEIGHT * (law in named)
            for law in self.laws
        ]
        total = total + np.array(favour, dtype=np.float32)[self.law_of]
        return total

    def find(
        self, question: str, top: int, today: date, named: Sequence[str] = (),
        grounds: Mapping[tuple[str, int], float] | None = None,
    ) -> list[Hit]:  # fmt: skip
        """The best articles in force on a day, best first. `grounds`: articles that guides stand on which the question
        may be about, with how likely it is."""
        self._look_again()
        near, known = self.nearness(question)
        scores = self.scores(question, near, known, named)
        for ground, likely in (grounds or {}).items():
            scores[self._rows_of.get(ground, [])] += GROUND_WEIGHT * likely**0.5
        total = np.where(self.valid(today), scores, -np.inf)
        count = min(top * 3, len(total))
        best = np.argpartition(-total, count - 1)[:count]
        best = best[np.argsort(-total[best])]
        seen: set[tuple[int, int]] = set()
        hits: list[Hit] = []
        for row in best:
            key = int(self.law_of[row]), int(self.numbers[row])
            if key not in seen and np.isfinite(total[row]) and len(hits) < top:
                seen.add(key)
                hits.append(Hit(int(self.ids[row]), float(total[row]), float(near[row]), bool(known[row])))
        return hits

    def covered(self, question: str, article: Article) -> float:
        """The share of a question's words, the rare ones counting more, that an article has; 0 to 1."""
        asked = set(search_words(question)) | {
            word for term in self._lay.expand(question).terms for word in search_words(term)
        }
        there = set(search_words(self._passage(article)))
        weight = {word: self._rarity(word) for word in asked}
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

    def _rarity(self, word: str) -> float:
        column = self._words.vocab_dict.get(word)
        starts = self._words.scores["indptr"]
        count = int(starts[column + 1] - starts[column]) if column is not None else 0
        return float(np.log(1 + len(self.ids) / max(count, 1)))


def scaled(scores: Vector) -> Vector:
    """Scores divided by the best of them."""
    best = scores.max() if len(scores) else 0.0
    return scores / best if best > 0 else scores
