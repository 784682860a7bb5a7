"""Finds the articles of national law that a question is about, by words and by meaning."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import bm25s
import numpy as np

from knowledge.meaning import Meaning, Vector, unpacked
from knowledge.statutes import NOT_CITED_KINDS, Article, Statutes
from knowledge.words import LayTerms, search_words

FORMAT = 1
PASSAGE_LENGTH = 320
K1, B = 1.2, 0.75
WORDS_WEIGHT, MEANING_WEIGHT, TERM_WEIGHT, LAW_WEIGHT = 0.4, 0.6, 0.4, 0.15
MEANING_FLOOR, MEANING_SPAN = 0.75, 0.15


@dataclass(frozen=True)
class Hit:
    """One article found: its number in the store and how well it fits (about 0 to 1.5)."""

    article_id: int
    score: float


def passage_of(article: Article) -> str:
    """What is embedded for an article: its law, its headings, its words."""
    return f"{article.law} {article.heading} {' '.join(article.text.split())}"[:PASSAGE_LENGTH]


class LawSearch:
    """Every article that is in force or will be, searchable; which of them are law today is decided when asked."""

    def __init__(self, statutes: Statutes, meaning: Meaning, folder: Path, lay: LayTerms, today: date) -> None:
        self._statutes, self._meaning, self._lay = statutes, meaning, lay
        self._reading = threading.Lock()
        self._index = self._load(folder, today)
        self._valid_on: tuple[str, Vector] | None = None
        self._vectors, self._known = self._read_vectors()

    # --- building --------------------------------------------------------------------------------------------------

    def _load(self, folder: Path, today: date) -> Path:
        mark = self._fingerprint(today)
        home = folder / f"articles-{mark}"
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
        return home

    def _fingerprint(self, today: date) -> str:
        seen = [(v.law_id, v.starts, v.ends) for held in self._statutes.versions.values() for v in held]
        own = (FORMAT, sorted(map(str, seen)))
        return hashlib.blake2b(repr(own).encode(), digest_size=6).hexdigest()

    def _build(self, home: Path, today: date) -> None:
        from knowledge.meaning import key_of

        day = today.isoformat()
        versions = [
            v
            for held in self._statutes.versions.values()
            for v in held
            if not v.unclear and (v.ends is None or v.ends > day) and v.kind not in NOT_CITED_KINDS
        ]
        articles = [(n, a) for n, v in enumerate(versions) for a in self._statutes.articles(v, today)]
        words = bm25s.BM25(k1=K1, b=B)
        words.index([search_words(f"{a.law} {a.heading} {a.text}") for _, a in articles], show_progress=False)
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
            keys=np.array([key_of(passage_of(a)) for _, a in articles], dtype=np.int64),
        )
        (home / "done").touch()

    def _read_vectors(self) -> tuple[Vector, Vector]:
        stored, found = self._meaning.known_keys(self.keys)
        return unpacked(stored), found

    # --- meaning, as it arrives ------------------------------------------------------------------------------------

    @property
    def learnt(self) -> float:
        """The share of articles that can be found by meaning, 0 to 1."""
        return float(self._known.mean()) if len(self._known) else 1.0

    def learn(self, today: date, progress: Callable[[int, int], None] = lambda done, of: None) -> None:
        """Embeds the articles not yet embedded; searches go on meanwhile."""
        missing = np.flatnonzero(~self._known)
        texts = [passage_of(a) for a in map(lambda i: self._statutes.by_id(int(i), today), self.ids[missing]) if a]
        self._meaning.learn(texts, lambda done: progress(done, len(texts)))
        self._vectors, self._known = self._read_vectors()

    # --- searching -------------------------------------------------------------------------------------------------

    def valid(self, today: date) -> Vector:
        """(n,) bool: which articles are law on a day; kept for the day last asked."""
        day = today.isoformat()
        if self._valid_on is None or self._valid_on[0] != day:
            laws = [starts <= day and (not ends or day < ends) for starts, ends in zip(self._starts, self._ends)]
            self._valid_on = day, np.array(laws, dtype=bool)[self.law_of]
        return self._valid_on[1]

    def word_scores(self, words: Sequence[str]) -> Vector:
        """(n,) BM25 scores."""
        known = [word for word in words if word in self._words.vocab_dict]
        if not known:
            return np.zeros(len(self.ids), dtype=np.float32)
        scores: Vector = self._words.get_scores(known)
        return scores

    def scores(self, question: str) -> Vector:
        """(n,) how well every article fits the question."""
        meant = self._lay.expand(question)
        words = scaled(self.word_scores(search_words(question)))
        terms = scaled(self.word_scores([w for term in meant.terms for w in search_words(term)]))
        total = WORDS_WEIGHT * words + TERM_WEIGHT * terms
        if self._known.any():
            near = self._vectors @ self._meaning.question(question)
            nearness = np.where(self._known, (near - MEANING_FLOOR) / MEANING_SPAN, words)
            total = total + MEANING_WEIGHT * nearness
        if meant.laws:
            named = np.array([min(meant.laws.get(law, 0), 2) for law in self.laws], dtype=np.float32)
            total = total + LAW_WEIGHT * named[self.law_of]
        return total

    def find(self, question: str, top: int, today: date) -> list[Hit]:
        """The best articles in force on a day, best first."""
        total = np.where(self.valid(today), self.scores(question), -np.inf)
        count = min(top * 3, len(total))
        best = np.argpartition(-total, count - 1)[:count]
        best = best[np.argsort(-total[best])]
        seen: set[tuple[int, int]] = set()
        hits: list[Hit] = []
        for row in best:
            key = int(self.law_of[row]), int(self.numbers[row])
            if key not in seen and np.isfinite(total[row]):
                seen.add(key)
                hits.append(Hit(int(self.ids[row]), float(total[row])))
        return hits[:top]


def scaled(scores: Vector) -> Vector:
    """Scores divided by the best of them."""
    best = scores.max() if len(scores) else 0.0
    return scores / best if best > 0 else scores
