"""Models over what a text means (its sentence vector) and how it is put (its character n-grams)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.sparse as sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

#: how much the n-grams weigh beside the vector
WEIGHT = 0.6
#: the most frequent n-grams are kept
GRAMS = 6000
#: from so many classes on, a dense product is several times faster than a sparse one
MANY = 30


class Wording:
    """Character n-grams of texts, each row of length WEIGHT."""

    def __init__(self) -> None:
        """Untrained."""
        self._grams = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(1, 3), min_df=2, max_features=GRAMS, sublinear_tf=True, dtype=np.float32
        )

    def fit(self, texts: Sequence[str]) -> Wording:
        """Learns which there are."""
        self._grams.fit(texts)
        self._cut, self._known, self._rarity = self._grams.build_analyzer(), self._grams.vocabulary_, self._grams.idf_
        return self

    def of(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """(len(texts), n) float32: what the vectorizer's `transform` makes of them, sooner for few of them."""
        places, values, ends = [], [], [0]
        known = self._known
        for text in texts:
            counts = Counter(known[gram] for gram in self._cut(text) if gram in known)
            here = np.fromiter(counts, np.int32, len(counts))
            weights = (1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * self._rarity[here]
            places.append(here)
            values.append(weights * np.float32(WEIGHT / max(1e-6, float(np.linalg.norm(weights)))))
            ends.append(ends[-1] + len(counts))
        return sparse.csr_matrix(
            (np.concatenate([[], *values]).astype(np.float32), np.concatenate([[], *places]).astype(np.int32), ends),
            shape=(len(texts), len(known)),
        )


class Linear:
    """Multinomial logistic regression, fitted by scikit-learn and kept as arrays: one text is a product of matrices."""

    def __init__(self, C: float = 100.0, weight: str | None = "balanced", most_rounds: int = 100) -> None:
        """`C` and `weight` (of classes) as in scikit-learn's LogisticRegression."""
        self._C, self._weight, self._most = C, weight, most_rounds
        self.classes: list[str] = []

    def fit(self, vectors: np.ndarray, labels: Sequence[str], wording: sparse.csr_matrix | None = None) -> Linear:
        """`vectors`: (n, f), float; `wording`: (n, g) or None for a model that looks at the vectors alone."""
        seen = vectors
        if wording is not None:
            seen = np.hstack([vectors, wording.toarray()]) if len(set(labels)) >= MANY else _both(vectors, wording)
        fitted = LogisticRegression(C=self._C, class_weight=self._weight, max_iter=self._most, tol=1e-3).fit(
            seen, labels
        )
        self.classes = [str(label) for label in fitted.classes_]
        weights, bias = fitted.coef_, fitted.intercept_
        if len(self.classes) == 2:  # scikit-learn keeps the second of two only
            weights, bias = np.vstack([np.zeros_like(weights), weights]), np.concatenate([[0.0], bias])
        weights, width = np.ascontiguousarray(weights.T, dtype=np.float32), vectors.shape[1]
        self._meaning, self._wording, self._bias = weights[:width], weights[width:], bias.astype(np.float32)
        return self

    def chances(self, vectors: np.ndarray, wording: sparse.csr_matrix | None = None) -> np.ndarray:
        """(n, classes) probabilities, in the order of `classes`."""
        scores = vectors @ self._meaning + self._bias
        if wording is not None:  # a row holds some forty n-grams: to look these up beats a product of matrices
            scores += [wording.data[a:b] @ self._wording[wording.indices[a:b]] for a, b in pairwise(wording.indptr)]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def by_class(self, vector: np.ndarray, wording: sparse.csr_matrix | None = None) -> dict[str, float]:
        """Probabilities of one text, vector (f,), by class."""
        return dict(zip(self.classes, self.chances(vector[np.newaxis, :], wording)[0].tolist(), strict=True))


class Near:
    """Support vector machine with a radial kernel over both, fitted by scikit-learn and kept as arrays: what lies near
    the examples of one of two classes."""

    def __init__(self, C: float = 10.0, gamma: float = 2.0) -> None:
        """As in scikit-learn's SVC; the classes weigh alike, however many examples each has."""
        self._C, self._gamma = C, gamma

    def fit(self, vectors: np.ndarray, wording: sparse.csr_matrix, truth: Sequence[bool]) -> Near:
        """`vectors`: (n, f); `wording`: (n, g)."""
        fitted = SVC(C=self._C, gamma=self._gamma, class_weight="balanced").fit(_both(vectors, wording), truth)
        self._vectors, self._wording = vectors[fitted.support_], wording[fitted.support_]
        self._lengths = _squares(self._vectors) + _squares(self._wording)
        self._coef, self._bias = fitted.dual_coef_.toarray()[0].astype(np.float32), float(fitted.intercept_[0])
        return self

    def score(self, vector: np.ndarray, wording: sparse.csr_matrix) -> float:
        """Of one text, vector (f,), wording (1, g): above 0 on the side of what was true."""
        grams = wording.toarray()[0]
        alike = self._vectors @ vector + self._wording @ grams
        apart = self._lengths + float(vector @ vector) + float(grams @ grams) - 2 * alike
        return float(self._coef @ np.exp(-self._gamma * apart)) + self._bias


def _both(vectors: np.ndarray, wording: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.hstack([sparse.csr_matrix(vectors), wording]).tocsr()


def _squares(rows: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    norm = sparse.linalg.norm if sparse.issparse(rows) else np.linalg.norm
    return np.square(norm(rows, axis=1)).astype(np.float32)
