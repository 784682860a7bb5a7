"""Tells what kind of message it is from what it means (sentence vector) and from how it is put (character n-grams)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from nlu.linear import Linear

#: nobody makes small talk in more characters
SMALLTALK_MOST = 60
#: in a short message that is put as a question, a complaint is so much less likely than it looks
ASKS, ASKING_MOST = 0.5, 60
QUESTION = re.compile(
    r"[?？]|(?:吗|嘛|呢|么|不|没|没有|否|冇)[。！!,，\s]*$|能不能|可不可以|会不会|是不是|有没有|算不算|准不准|要不要|该不该|怎么|如何|怎样|"
    r"什么|几天|几时|多久|多少|谁(?:赔|的|管|出)|能.{0,8}(?:不|吗|几)|\b(?:what|how|when|where|can|may|do|does|who|should)\b",
    re.IGNORECASE,
)


class Kinds:
    """A linear model over both, and what else is known of kinds; their codes are those of `nlu.triage.KINDS`."""

    def __init__(self) -> None:
        """Untrained."""
        self._model = Linear()

    def fit(self, vectors: np.ndarray, wording: csr_matrix, kinds: Sequence[str]) -> Kinds:
        """See `nlu.linear`."""
        self._model.fit(vectors, kinds, wording)
        return self

    def chances(self, text: str, vector: np.ndarray, wording: csr_matrix) -> dict[str, float]:
        """Probabilities of the kinds."""
        kinds = self._model.by_class(vector, wording)
        if len(text) > SMALLTALK_MOST:
            kinds["smalltalk"] = 0.0
        if len(text) <= ASKING_MOST and QUESTION.search(text):
            kinds["complaint"] *= ASKS
        whole = sum(kinds.values())
        return {kind: chance / whole for kind, chance in kinds.items()}
