"""Finds the articles of national law that a question is about, by words and by meaning, and says how sure it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import bm25s
import numpy as np

from knowledge.law_engine import Hit, LawEngine, PlainWords, firsts
from knowledge.meaning import Meaning, Near, Vector, key_of, unpacked
from knowledge.statutes import NOT_CITED_KINDS, Statutes, Version
from knowledge.words import LayTerms, bm25_scores, search_words

FORMAT = 3
PASSAGE_LENGTH = 320
K1, B = 1.2, 0.5
BLOCK = 16384  # vectors that are unpacked at once: 25 MB
LOOK_AGAIN = 30.0  # seconds between two looks for what another process has learnt


def read_by_meaning(passage: str) -> str:
    """As much of a passage as is embedded."""
    return passage[:PASSAGE_LENGTH]


def citable(statutes: Statutes, today: date) -> list[Version]:
    """Every text that is law on a day or will be, and may be cited."""
    day = today.isoformat()
    return [
        v
        for held in statutes.versions.values()
        for v in held
        if not v.unclear and (v.ends is None or v.ends > day) and v.kind not in NOT_CITED_KINDS
    ]


def fingerprint_of(statutes: Statutes, plain: PlainWords, today: date) -> str:
    """A hash of what an index over these texts depends on; the county's own texts may change under the same date."""
    versions = [v for held in statutes.versions.values() for v in held]
    texts = sorted(str((v.law_id, v.starts, v.ends)) for v in versions)
    own = [(a.id, a.label, a.text) for v in versions if v.own for a in statutes.articles(v, today)]
    return hashlib.blake2b(repr((texts, own, sorted(plain.items()))).encode(), digest_size=8).hexdigest()


def blocks(count: int) -> Iterator[slice]:
    """Slices that make up `count` rows."""
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))


class LawSearch(LawEngine):
    """Every article that is in force or will be, searchable; which of them are law today is decided when asked."""

    def __init__(
        self, statutes: Statutes, meaning: Meaning, folder: Path, lay: LayTerms, plain: PlainWords, today: date
    ) -> None:
        super().__init__(lay, plain)
        self._statutes, self._meaning = statutes, meaning
        self._reading = threading.Lock()
        self._load(folder, today)
        self._valid_on: tuple[str, Vector] | None = None
        self._look_at, self._changes = 0.0, meaning.changes()
        self._read_vectors()

    # --- building --------------------------------------------------------------------------------------------------

    def _load(self, folder: Path, today: date) -> None:
        home = folder / f"articles-{self._fingerprint(today)}"
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

    def _fingerprint(self, today: date) -> str:
        own = (FORMAT, PASSAGE_LENGTH, K1, B, fingerprint_of(self._statutes, self._plain, today))
        return hashlib.blake2b(repr(own).encode(), digest_size=6).hexdigest()

    def _build(self, home: Path, today: date) -> None:
        versions = citable(self._statutes, today)
        rows: list[tuple[int, int, int, int]] = []  # id, text, number, key
        vocabulary: dict[str, int] = {}
        sought: list[list[int]] = []  # numbers of words: a word is kept once, however many passages have it
        for n, version in enumerate(versions):
            for article in self._statutes.articles(version, today):
                passage = self._passage(article)
                rows.append((article.id, n, article.number, key_of(read_by_meaning(passage))))
                sought.append([vocabulary.setdefault(word, len(vocabulary)) for word in search_words(passage)])
        words = bm25s.BM25(k1=K1, b=B)
        words.index((sought, vocabulary), show_progress=False)
        shutil.rmtree(home, ignore_errors=True)
        (home / "words").mkdir(parents=True)
        words.save(str(home / "words"), show_progress=False)
        facts = {
            "laws": [v.law for v in versions],
            "starts": [v.starts for v in versions],
            "ends": [v.ends or "" for v in versions],
        }
        (home / "rows.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
        np.savez(
            home / "rows.npz",
            ids=columns[:, 0],
            law_of=columns[:, 1].astype(np.int32),
            numbers=columns[:, 2].astype(np.int32),
            keys=columns[:, 3],
        )
        (home / "done").touch()

    # --- meaning, as it arrives ------------------------------------------------------------------------------------

    @property
    def learnt(self) -> float:
        """The share of articles that can be found by meaning, 0 to 1."""
        return float(self._known.mean()) if len(self._known) else 1.0

    def _read_vectors(self) -> None:
        stored, known = self._meaning.known_keys(self.keys)
        vectors = np.zeros(stored.shape, dtype=np.float32)
        for block in blocks(len(stored)):
            vectors[block] = unpacked(stored[block])
        middle = (vectors.sum(axis=0, dtype=np.float64) / max(int(known.sum()), 1)).astype(np.float32)
        for block in blocks(len(stored)):
            vectors[block] = unpacked(np.where(known[block, None], vectors[block] - middle, 0.0))
        near = Near(vectors)
        with self._reading:
            self._near, self._known, self._middle = near, known, middle

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

    def nearness(self, question: str) -> tuple[Vector, Vector]:
        """((n,) cosines around the middle of all articles, (n,) bool for which of them there is one)."""
        with self._reading:
            near, known, middle = self._near, self._known, self._middle
        if not known.any():
            return np.zeros(len(known), dtype=np.float32), known
        asked = self._meaning.question(question) - middle
        return near.cosines(asked / max(float(np.linalg.norm(asked)), 1e-6)), known

    def scores(self, question: str, near: Vector, known: Vector, named: Sequence[str] = ()) -> Vector:
        """(n,) how well every article fits the question; `named`: laws that the question names."""
        meant = self._expand(question)
        words = bm25_scores(self._words, search_words(question))
        terms = bm25_scores(self._words, [w for term in meant.terms for w in search_words(term)])
        spread = float(near[known].std()) if known.any() else 0.0
        total = self.together(words, terms, near, known, spread)
        return total + self.favour(self.laws, meant, named)[self.law_of]

    def find(
        self, question: str, top: int, today: date, named: Sequence[str] = (),
        gains: Mapping[tuple[str, int], float] | None = None,
    ) -> list[Hit]:  # fmt: skip
        """The best articles in force on a day, best first."""
        self._look_again()
        near, known = self.nearness(question)
        scores = self.scores(question, near, known, named)
        for article, gain in (gains or {}).items():
            scores[self._rows_of.get(article, [])] += gain
        total = np.where(self.valid(today), scores, -np.inf)
        count = min(top * 3, len(total))
        best = np.argpartition(-total, count - 1)[:count]
        best = best[np.argsort(-total[best])]
        rows = (int(row) for row in best[np.isfinite(total[best])])
        return [
            Hit(int(self.ids[row]), float(total[row]), float(near[row]), bool(known[row]))
            for row in firsts(rows, lambda row: (int(self.law_of[row]), int(self.numbers[row])), top)
        ]

    def rarities(self, words: Collection[str]) -> Mapping[str, float]:
        """How rare words are."""
        return {word: self._rarity(word) for word in words}

    def _rarity(self, word: str) -> float:
        column = self._words.vocab_dict.get(word)
        starts = self._words.scores["indptr"]
        count = int(starts[column + 1] - starts[column]) if column is not None else 0
        return float(np.log(1 + len(self.ids) / max(count, 1)))
