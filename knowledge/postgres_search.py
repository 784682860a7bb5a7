"""The search of the law in PostgreSQL with pgvector: what a county moves to when it outgrows one machine.

Passages are kept in the server, so that many processes on several machines share them and none holds them in memory.
What is found is first gathered (nearest meanings through an HNSW index, best words through full text) and then weighed
exactly as the embedded engine weighs all passages. Every machine must hold the same imported texts.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

import numpy as np

from knowledge.law_engine import Hit, LawEngine, PlainWords, firsts
from knowledge.law_search import K1, LOOK_AGAIN, PASSAGE_LENGTH, B, citable, fingerprint_of, read_by_meaning
from knowledge.meaning import Meaning, Vector, key_of, unpacked
from knowledge.passage_store import Law, Passage, PassageStore, Weighed
from knowledge.statutes import Article, Statutes
from knowledge.words import LayTerms, search_words

SAMPLE = 4096  # vectors by which the middle and the spread of all are known
LEARNT_AT_ONCE = 640
READ_AT_ONCE = 2000
#: the rarest words are looked up that together are in so many passages: ranking reads every one of them
MATCHES = 2000


@dataclass(frozen=True)
class View:
    """What a process remembers of the whole: names of laws by number and numbers by name, how many passages with how
    many words, the middle of all vectors, their usual distance from it, and some of them around it."""

    changes: str
    laws: Mapping[int, str]
    numbers: Mapping[str, Sequence[int]]
    passages: int
    average: float
    middle: Vector
    radius: float
    sample: Vector


class PostgresSearch(LawEngine):
    """The same finds as LawSearch, from a server."""

    def __init__(
        self, statutes: Statutes, meaning: Meaning, url: str, lay: LayTerms, plain: PlainWords, today: date
    ) -> None:
        """Brings the server's passages to what is in the store. Raises SearchUnavailable."""
        super().__init__(lay, plain)
        self._statutes, self._meaning = statutes, meaning
        self.store = PassageStore(url)
        self._bring(today)
        self._looking, self._look_at = threading.Lock(), 0.0
        self._view = self._read()

    # --- keeping ---------------------------------------------------------------------------------------------------

    def _bring(self, today: date) -> None:
        """Adds, changes and takes away what differs from the store; one process does it, the others wait."""
        mark = f"{PASSAGE_LENGTH} {sorted(self._asked)} {fingerprint_of(self._statutes, self._plain, today)}"
        mark = f"{key_of(mark):x}"
        if self.store.facts().get("mark") == mark:
            return
        versions = citable(self._statutes, today)
        laws = [Law(v.law_id, v.law, v.starts, v.ends or "") for v in versions]
        articles = ((v.law_id, article) for v in versions for article in self._statutes.articles(v, today))
        self.store.replace(mark, laws, self._passages(articles))

    def _passages(self, articles: Iterator[tuple[str, Article]]) -> Iterator[Passage]:
        while batch := list(islice(articles, READ_AT_ONCE)):
            texts = [self._passage(article) for _, article in batch]
            stored, known = self._meaning.known([read_by_meaning(text) for text in texts])
            for (code, article), text, vector, there in zip(batch, texts, unpacked(stored), known, strict=True):
                asked = article.law in self._asked
                yield Passage(article.id, code, article.number, asked, text, vector if there else None)

    @property
    def learnt(self) -> float:
        """The share of articles that can be found by meaning, 0 to 1."""
        known, every = self.store.learnt()
        return known / every if every else 1.0

    def learn(
        self, today: date, progress: Callable[[int, int], None] = lambda done, of: None, most: int | None = None
    ) -> None:
        """Embeds the articles not yet embedded, the most wanted first; each part is found as soon as it is written."""
        missing, done = self.store.unlearnt(most), 0
        for start in range(0, len(missing), LEARNT_AT_ONCE):
            part = missing[start : start + LEARNT_AT_ONCE]
            texts = {
                one: read_by_meaning(self._passage(article))
                for one in part
                if (article := self._statutes.by_id(one, today))
            }
            self.store.learn(list(texts), self._meaning.of(list(texts.values())))
            done += len(part)
            progress(done, len(missing))
        self._view = self._read()

    def _read(self) -> View:
        facts, sample = self.store.facts(), self.store.sample(SAMPLE)
        passages = int(facts.get("passages", 0))
        middle = sample.mean(axis=0) if len(sample) else np.zeros(sample.shape[1], dtype=np.float32)
        around = sample - middle
        radius = float(np.linalg.norm(around, axis=1).mean()) if len(sample) else 0.0
        average = int(facts.get("length", 0)) / max(passages, 1)
        laws, numbers = self.store.laws(), defaultdict[str, list[int]](list)
        for number, law in laws.items():
            numbers[law].append(number)
        return View(facts["changes"], laws, dict(numbers), passages, average, middle, radius, unpacked(around))

    def _look_again(self) -> View:
        """What is remembered, read anew where another process has changed it."""
        now = time.monotonic()
        if now >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look_at = now + LOOK_AGAIN
                if self.store.facts().get("changes") != self._view.changes:
                    self._view = self._read()
            finally:
                self._looking.release()
        return self._view

    # --- searching -------------------------------------------------------------------------------------------------

    def find(
        self, question: str, top: int, today: date, named: Sequence[str] = (),
        gains: Mapping[tuple[str, int], float] | None = None,
    ) -> list[Hit]:  # fmt: skip
        """The best articles in force on a day, best first."""
        view, meant = self._look_again(), self._expand(question)
        asked = Counter(search_words(question))
        terms = Counter(word for term in meant.terms for word in search_words(term))
        found = self.store.frequencies({*asked, *terms})
        direction = self._direction(question, view)
        point = view.middle + view.radius * direction if view.radius else None
        wanted = {*named, *meant.laws}
        ids = self.store.candidates(
            point,
            [(which, words) for which in (True, False) for words in (rarest(asked, found, which),
             rarest(terms, found, which)) if words],
            [number for law in wanted for number in view.numbers.get(law, ())],
            [(law, number) for name, number in gains or {} for law in view.numbers.get(name, ())],
        )  # fmt: skip
        counted = {
            word: (asked[word] * weight, terms[word] * weight)
            for word, count in found.items()
            if (weight := idf(sum(count), view.passages))
        }
        rows = self.store.weighed(
            ids, counted, view.middle if point is None else point, view.middle, today.isoformat(), K1, B, view.average
        )
        near, known = nearness(rows, view.radius)
        spread = float((view.sample @ direction).std()) if view.radius else 0.0
        total = self.together(rows.first, rows.second, near, known, spread)
        # a law that another process added since is found without being favoured
        laws = [view.laws.get(number, "") for number in rows.laws.tolist()]
        total = total + self.favour(laws, meant, named)
        for row, article in enumerate(zip(laws, rows.numbers.tolist(), strict=True)):
            total[row] += (gains or {}).get(article, 0.0)
        best = firsts(np.argsort(-total, kind="stable").tolist(), lambda n: (rows.laws[n], rows.numbers[n]), top)
        return [Hit(int(rows.ids[n]), float(total[n]), float(near[n]), bool(known[n])) for n in best]

    def rarities(self, words: Collection[str]) -> Mapping[str, float]:
        """How rare words are."""
        found, every = self.store.frequencies(words), self._view.passages
        return {word: float(np.log(1 + every / max(sum(found.get(word, (0, 0))), 1))) for word in words}

    def _direction(self, question: str, view: View) -> Vector:
        """(384,) where a question lies, seen from the middle; length one."""
        return unpacked((self._meaning.question(question) - view.middle)[None, :])[0]


def rarest(said: Collection[str], found: Mapping[str, tuple[int, int]], asked: bool) -> list[str]:
    """The rarest of the words said that some passage has, until they are in MATCHES passages; at least one."""
    counts = {word: found[word][0 if asked else 1] for word in said if word in found}
    words = sorted((word for word, count in counts.items() if count), key=lambda word: counts[word])
    upto = np.cumsum([counts[word] for word in words]) <= MATCHES
    return words[: max(int(upto.sum()), 1)]


def idf(count: int, passages: int) -> float:
    """The weight of a word in BM25."""
    return float(np.log(1 + (passages - count + 0.5) / (count + 0.5)))


def nearness(rows: Weighed, radius: float) -> tuple[Vector, Vector]:
    """((n,) cosines seen from the middle, (n,) bool for which of them there is one).

    By the law of cosines: the point asked about lies `radius` from the middle, the passage `from_middle`.
    """
    known = ~np.isnan(rows.from_point) & (radius > 0)
    away = np.maximum(rows.from_middle, 1e-6)
    cosines = (away**2 + radius**2 - rows.from_point**2) / (2 * away * max(radius, 1e-6))
    return np.where(known, cosines, 0.0).astype(np.float32), known
