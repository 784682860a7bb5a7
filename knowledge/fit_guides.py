"""Finds the weights of the guide search: every phrase is asked of an index without it, and should find its guide.

`python -m knowledge.fit_guides VAR` prints them, with how often the first and the first three guides are right.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from knowledge.guide_search import FEATURES, index_of
from knowledge.guides import Guide, load_guides
from knowledge.meaning import Meaning, Vector

FOLDS = 5


def asked_without(guides: list[Guide], meaning: Meaning, fold: int) -> tuple[Vector, Vector]:
    """((n, features, guides), (n,) right guides) of every fifth way of asking, asked of an index of the others."""
    phrases = [
        (n, text, "asked") for n, g in enumerate(guides) for lang in ("zh", "en") for text in g.lines("asked", lang)
    ]
    kept = [(n, text) for i, (n, text, _) in enumerate(phrases) if i % FOLDS != fold]
    out = [(n, text) for i, (n, text, _) in enumerate(phrases) if i % FOLDS == fold]
    left = {n: [text for m, text in kept if m == n] for n in range(len(guides))}
    titled = [
        (n, text)
        for n, g in enumerate(guides)
        for name in ("title", "short")
        for lang in ("zh", "en")
        for text in g.lines(name, lang)
    ]
    bare = [without(guide, left[n]) for n, guide in enumerate(guides)]
    known = [*kept, *titled]
    index = index_of(bare, [n for n, _ in known], meaning.of([text for _, text in known], as_questions=True))
    vectors = meaning.of([text for _, text in out], as_questions=True)
    rows = [index.features(text, vector) for (_, text), vector in zip(out, vectors, strict=True)]
    return np.stack(rows), np.array([n for n, _ in out])


def without(guide: Guide, asked: list[str]) -> Guide:
    """A guide with only these ways of asking."""
    from dataclasses import replace

    return replace(guide, words={**guide.words, "asked": {"zh": tuple(asked)}})


def loss(weights: Vector, rows: Vector, right: Vector) -> float:
    """Mean negative log likelihood of the right guides."""
    exponents = np.einsum("f,nfg->ng", weights, rows)
    exponents -= exponents.max(axis=1, keepdims=True)
    return float((np.log(np.exp(exponents).sum(axis=1)) - exponents[np.arange(len(right)), right]).mean())


def main(var: Path) -> int:
    """Prints the weights."""
    guides, meaning = list(load_guides(Path(__file__).parent)), Meaning(var / "index")
    folds = [asked_without(guides, meaning, fold) for fold in range(FOLDS)]
    rows, right = np.concatenate([r for r, _ in folds]), np.concatenate([n for _, n in folds])
    found = minimize(loss, np.ones(len(FEATURES)), args=(rows, right), method="Nelder-Mead", options={"maxiter": 300})
    exponents = np.einsum("f,nfg->ng", found.x, rows)
    rank = (exponents > exponents[np.arange(len(right)), right][:, None]).sum(axis=1)
    print(dict(zip(FEATURES, np.round(found.x, 3).tolist(), strict=True)))
    at = [float(np.mean(rank < top)) for top in (1, 3)]
    print(f"{len(right)} phrases: first {at[0]:.3f}, among three {at[1]:.3f}, loss {found.fun:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
