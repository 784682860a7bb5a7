"""Finds the weights of the guide search: every phrase is asked of an index without it, and should find its guide.

`python -m knowledge.fit_guides VAR` prints them, and how often the first and the first three guides are right. How
sure an answer is comes from the same phrases, beside small talk that nothing should be found for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from knowledge.guide_search import FEATURES, Index, index_of, softmax
from knowledge.guides import LANGUAGES, Guide, load_beyond, load_guides
from knowledge.meaning import Meaning, Vector

FOLDS = 5
TALK = ("nlu/zh/offtopic.yml", "nlu/en/offtopic.yml", "nlu/zh/greet.yml")
#: every so many examples of small talk are asked of each fold
TALK_STEP = 7

Phrases = list[tuple[int, str]]


@dataclass
class Asked:
    """Phrases asked of an index without them: (n, features, guides), the right guide or -1, the nearest cosine."""

    rows: Vector
    right: Vector
    near: Vector


def phrases(guides: Sequence[Guide], *names: str) -> Phrases:
    """(number of the guide, text) of some of their fields, in both languages."""
    fields = [(n, guide.lines(name, lang)) for n, guide in enumerate(guides) for name in names for lang in LANGUAGES]
    return [(n, text) for n, lines in fields for text in lines]


def without(guides: Sequence[Guide], kept: Phrases) -> Iterator[Guide]:
    """The guides with only these ways of asking."""
    left: dict[int, list[str]] = {}
    for n, text in kept:
        left.setdefault(n, []).append(text)
    for n, guide in enumerate(guides):
        yield replace(guide, words={**guide.words, "asked": {"zh": tuple(left.get(n, ()))}})


def ask(index: Index, texts: Sequence[str], right: Sequence[int], meaning: Meaning) -> Asked:
    """Asks all texts of an index."""
    vectors = meaning.of(texts, as_questions=True)
    rows, near = zip(*(index.features(text, vector) for text, vector in zip(texts, vectors, strict=True)), strict=True)
    return Asked(np.stack(rows), np.array(right), np.array(near))


def fold(guides: Sequence[Guide], talk: Sequence[str], meaning: Meaning, number: int) -> tuple[Asked, Asked]:
    """Every fifth way of asking, and some small talk, asked of an index of the others."""
    asked = phrases(guides, "asked")
    kept = [one for i, one in enumerate(asked) if i % FOLDS != number]
    out = [one for i, one in enumerate(asked) if i % FOLDS == number]
    known = sorted([*kept, *phrases(guides, "title", "short")])
    vectors = meaning.of([text for _, text in known], as_questions=True)
    index = index_of(list(without(guides, kept)), [n for n, _ in known], vectors)
    few = talk[number::TALK_STEP]
    return (
        ask(index, [text for _, text in out], [n for n, _ in out], meaning),
        ask(index, few, [-1] * len(few), meaning),
    )


def small_talk() -> list[str]:
    """What residents say to the bot that no guide is for, from its own examples."""
    root = Path(__file__).parents[1]
    told = (yaml.safe_load((root / name).read_text("utf-8")) for name in TALK)
    return [line[2:] for file in told for part in file["nlu"] for line in (part.get("examples") or "").splitlines()]


def loss(weights: Vector, asked: Asked) -> float:
    """Mean negative log likelihood of the right guides."""
    exponents = np.einsum("f,nfg->ng", weights, asked.rows)
    exponents -= exponents.max(axis=1, keepdims=True)
    own = exponents[np.arange(len(asked.right)), asked.right]
    return float((np.log(np.exp(exponents).sum(axis=1)) - own).mean())


def together(parts: Sequence[Asked]) -> Asked:
    """All of them as one."""
    return Asked(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "right", "near")))


def fit_sure(weights: Vector, asked: Asked, guides: int) -> tuple[float, float, float]:
    """Weights of the log odds of the likeliest guide and of the nearest phrase, and the base."""
    shares = np.stack([softmax(row) for row in np.einsum("f,nfg->ng", weights, asked.rows)])[:, :guides]
    best = np.clip(shares.max(axis=1), 1e-6, 1 - 1e-6)
    told = LogisticRegression(C=1e4, max_iter=1000)
    told.fit(np.stack([np.log(best / (1 - best)), asked.near * 50], axis=1), shares.argmax(axis=1) == asked.right)
    return float(told.coef_[0][0]), float(told.coef_[0][1] * 50), float(told.intercept_[0])


def main(var: Path) -> int:
    """Prints the weights."""
    here, meaning = Path(__file__).parent, Meaning(var / "index")
    ours = list(load_guides(here))
    guides, talk = [*ours, *load_beyond(here)], small_talk()
    folds = [fold(guides, talk, meaning, number) for number in range(FOLDS)]
    asked, idle = together([a for a, _ in folds]), together([b for _, b in folds])
    found = minimize(loss, np.ones(len(FEATURES)), args=(asked,), method="Nelder-Mead", options={"maxfev": 300})
    exponents = np.einsum("f,nfg->ng", found.x, asked.rows)
    rank = (exponents > exponents[np.arange(len(asked.right)), asked.right][:, None]).sum(axis=1)
    print(dict(zip(FEATURES, np.round(found.x, 3).tolist(), strict=True)))
    print("sure", np.round(fit_sure(found.x, together([asked, idle]), len(ours)), 2).tolist())
    at = [float(np.mean(rank < top)) for top in (1, 3)]
    print(f"{len(asked.right)} phrases: first {at[0]:.3f}, among three {at[1]:.3f}, loss {found.fun:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
