"""Tells what kind of message it is from what it means (sentence vector) and from how it is put (character n-grams)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

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
    """A linear model over both; codes of kinds are those of `nlu.triage.KINDS`."""

    def __init__(self) -> None:
        """Untrained."""
        self._words = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
        self._model = LogisticRegression(C=20.0, max_iter=300, class_weight="balanced")

    def fit(self, texts: Sequence[str], vectors: np.ndarray, kinds: Sequence[str]) -> Kinds:
        """`vectors`: (len(texts), 384)."""
        self._words.fit(texts)
        self._model.fit(self._seen(texts, vectors), kinds)
        return self

    def chances(self, text: str, vector: np.ndarray) -> dict[str, float]:
        """Probabilities of the kinds."""
        found = self._model.predict_proba(self._seen([text], vector[np.newaxis, :]))[0]
        kinds = {str(kind): float(chance) for kind, chance in zip(self._model.classes_, found, strict=True)}
        if len(text) > SMALLTALK_MOST:
            kinds["smalltalk"] = 0.0
        if len(text) <= ASKING_MOST and QUESTION.search(text):
            kinds["complaint"] *= ASKS
        whole = sum(kinds.values())
        return {kind: chance / whole for kind, chance in kinds.items()}

    def _seen(self, texts: Sequence[str], vectors: np.ndarray) -> sparse.csr_matrix:
        return sparse.hstack([sparse.csr_matrix(vectors), self._words.transform(texts)]).tocsr()
