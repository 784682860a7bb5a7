"""Sentence vectors with a cache on disk, so that no text is ever embedded twice on one machine."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from e5.model import DIMENSIONS, model

BATCH = 64
QUESTION = "query: "
#: axes of a first look, and how many vectors are looked at exactly after it
AXES, EXACT = 96, 300
SCALE = 127.0 * 5  # no component of a sentence vector of length one was seen beyond 0.19
PACKED = Path(__file__).with_name("vectors.npz")

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
    """Embeds questions and passages; passages are kept in `folder`/vectors.db, beside those that come packed."""

    def __init__(self, folder: Path, packed: Path = PACKED) -> None:
        self._lock = threading.Lock()
        self._asked: tuple[str, Vector] = "", np.zeros(DIMENSIONS, dtype=np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        self._store = sqlite3.connect(folder / "vectors.db", check_same_thread=False, timeout=30)
        self._store.execute("PRAGMA journal_mode=WAL")
        self._store.execute("PRAGMA synchronous=NORMAL")
        self._store.execute("CREATE TABLE IF NOT EXISTS vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL)")
        self._store.commit()
        self._packed = read_packed(packed)

    def question(self, text: str) -> Vector:
        """(384,) vector of a question. The last one's is kept: guides and law are asked one after the other."""
        asked, vector = self._asked
        if asked != text:
            vector = np.asarray(self.questions([text])[0])
            self._asked = text, vector
        return vector

    def questions(self, texts: Sequence[str]) -> Vector:
        """(n, 384) vectors of questions."""
        return model().query(texts)

    def changes(self) -> int:
        """A number that changes when another process has learnt something."""
        with self._lock:
            return int(self._store.execute("PRAGMA data_version").fetchone()[0])

    def known_keys(self, keys: Vector) -> tuple[Vector, Vector]:
        """Stored vectors by key: ((n, 384) int8 with zero rows where unknown, (n,) bool which are known)."""
        vectors, found = np.zeros((len(keys), DIMENSIONS), dtype=np.int8), np.zeros(len(keys), dtype=bool)
        take(self._packed, keys, vectors, found)
        if not found.all():
            take(self._learnt(), keys, vectors, found)
        return vectors, found

    def _learnt(self) -> tuple[Vector, Vector]:
        with self._lock:
            rows = self._store.execute("SELECT key, vector FROM vectors ORDER BY key").fetchall()
        stored = np.frombuffer(b"".join(blob for _, blob in rows), dtype=np.int8).reshape(-1, DIMENSIONS)
        return np.array([key for key, _ in rows], dtype=np.int64), stored

    def known(self, texts: Sequence[str]) -> tuple[Vector, Vector]:
        """The same for texts."""
        return self.known_keys(np.array([key_of(text) for text in texts], dtype=np.int64))

    def learn(
        self, texts: Iterable[str], progress: Callable[[int], None] = lambda done: None, as_questions: bool = False
    ) -> None:
        """Embeds texts and keeps them, a batch at a time, so that an interruption loses little."""
        waiting = list(dict.fromkeys(texts))
        embed, prefix = (model().query, QUESTION) if as_questions else (model().passage, "")
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            vectors = packed(embed(batch))
            rows = [(key_of(prefix + text), vector.tobytes()) for text, vector in zip(batch, vectors, strict=True)]
            with self._lock, self._store:
                self._store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            progress(start + len(batch))

    def of(self, texts: Sequence[str], as_questions: bool = False) -> Vector:
        """(n, 384) float32 vectors of passages, or of ways to ask, embedding those not yet known."""
        prefix = QUESTION if as_questions else ""
        keys = [prefix + text for text in texts]
        _, found = self.known(keys)
        if not found.all():
            self.learn((text for text, there in zip(texts, found, strict=True) if not there), as_questions=as_questions)
        vectors, _ = self.known(keys)
        return unpacked(vectors)


class Near:
    """Vectors that lie near one: all are looked at along their first axes, the likely ones then exactly.

    An exact look at tens of thousands of vectors costs more than embedding the question: it is the memory that is slow.
    """

    def __init__(self, vectors: Vector) -> None:
        """`vectors`: (n, 384) of length one, or nought."""
        self._exact = vectors.astype(np.float16)
        values, axes = np.linalg.eigh(vectors.T @ vectors)
        self._axes = np.ascontiguousarray(axes[:, -AXES:], dtype=np.float32)
        self._along = vectors @ self._axes

    def cosines(self, asked: Vector) -> Vector:
        """(n,) float32 cosines with a vector of length one: of the EXACT nearest exactly, of the rest about."""
        near = self._along @ (asked @ self._axes)
        if len(near) > EXACT:
            best = np.argpartition(near, -EXACT)[-EXACT:]
            near[best] = self._exact[best].astype(np.float32) @ asked
            return near
        return self._exact.astype(np.float32) @ asked


def take(stored: tuple[Vector, Vector], keys: Vector, vectors: Vector, found: Vector) -> None:
    """Fills in the vectors that `stored` (keys in order, their vectors) has for `keys` and that aren't found yet."""
    at_keys, at_vectors = stored
    if not len(at_keys) or not len(keys):
        return
    at = np.minimum(np.searchsorted(at_keys, keys), len(at_keys) - 1)
    there = (at_keys[at] == keys) & ~found
    vectors[there] = at_vectors[at[there]]
    found |= there


def read_packed(path: Path) -> tuple[Vector, Vector]:
    """Keys in order and vectors of a packed file; nothing where there is no such file."""
    if not path.exists():
        return np.zeros(0, dtype=np.int64), np.zeros((0, DIMENSIONS), dtype=np.int8)
    with np.load(path) as file:
        return file["keys"], file["vectors"]


def pack(path: Path, keys: Vector, vectors: Vector) -> None:
    """Writes vectors so that an installation has them from its first minute."""
    unique, first = np.unique(keys, return_index=True)
    np.savez(path, keys=unique, vectors=vectors[first])
