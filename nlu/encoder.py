"""The vectors by which the bot understands: a text's first lines, as a question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e5.model import model

#: a letter says in its first lines what it is about, and time grows with length
LONGEST = 240


def encode(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors, shape (len(texts), 384), float32. A text counts up to its first LONGEST characters."""
    return model().query([text[:LONGEST] for text in texts])
