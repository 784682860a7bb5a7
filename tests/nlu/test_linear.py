"""Our arrays say what scikit-learn's own model says."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from nlu.linear import MANY, WEIGHT, Linear, Near, Wording

TEXTS = ["路灯不亮了", "路灯坏了三天", "自来水浑浊", "停水了怎么办", "楼下噪音太大", "晚上噪音吵得睡不着"]
VECTORS = np.random.default_rng(1).normal(size=(6, 8)).astype(np.float32)


@pytest.mark.parametrize("labels", [["灯", "灯", "水", "水", "噪", "噪"], ["灯", "灯", "别", "别", "别", "别"]])
def test_chances_are_those_of_the_fitted_model(labels: list[str]) -> None:
    wording = Wording().fit(TEXTS).of(TEXTS)
    linear = Linear(C=3.0, most_rounds=500).fit(VECTORS, labels, wording)
    seen = sparse.hstack([sparse.csr_matrix(VECTORS), wording]).tocsr()
    theirs = LogisticRegression(C=3.0, class_weight="balanced", max_iter=500, tol=1e-3).fit(seen, labels)
    assert linear.classes == list(theirs.classes_)
    # scikit-learn fits two classes with one row of weights; ours gives that row to the second
    assert linear.chances(VECTORS, wording) == pytest.approx(theirs.predict_proba(seen), abs=1e-4)


def test_a_model_of_vectors_alone_needs_no_wording() -> None:
    labels = ["a", "b", "a", "b", "c", "c"]
    linear = Linear().fit(VECTORS, labels)
    by_class = linear.by_class(VECTORS[4])
    assert max(by_class, key=by_class.__getitem__) == "c"
    assert sum(by_class.values()) == pytest.approx(1.0, abs=1e-5)


def test_many_classes_are_fitted_densely_and_read_alike() -> None:
    names = [f"类{n}" for n in range(MANY)]
    texts = [f"{name}的第{k}件事" for name in names for k in range(3)]
    labels = [name for name in names for _ in range(3)]
    vectors = np.random.default_rng(2).normal(size=(len(texts), 8)).astype(np.float32)
    wording = Wording().fit(texts).of(texts)
    linear = Linear(C=30.0, weight=None).fit(vectors, labels, wording)
    chances = linear.chances(vectors, wording)
    assert chances.shape == (len(texts), MANY)
    right = [linear.classes[row.argmax()] == label for row, label in zip(chances, labels, strict=True)]
    assert np.mean(right) > 0.95


def test_every_row_of_wording_has_one_length_unless_nothing_is_known_of_it() -> None:
    wording = Wording().fit(TEXTS)
    known, unknown = wording.of(["路灯不亮", ""])
    assert sparse.linalg.norm(known) == pytest.approx(WEIGHT, abs=1e-5)
    assert unknown.nnz == 0


def test_nearness_is_what_the_fitted_machine_says() -> None:
    wording, truth = Wording().fit(TEXTS).of(TEXTS), [True, True, False, False, False, False]
    near = Near(C=5.0, gamma=0.5).fit(VECTORS, wording, truth)
    seen = sparse.hstack([sparse.csr_matrix(VECTORS), wording]).tocsr()
    theirs = SVC(C=5.0, gamma=0.5, class_weight="balanced").fit(seen, truth).decision_function(seen)
    assert [near.score(v, w) for v, w in zip(VECTORS, wording, strict=True)] == pytest.approx(theirs, abs=1e-4)
