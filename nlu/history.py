"""Learns classes from a county's own work orders; what it learnt is kept only if it reads orders held back better."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import yaml
from sklearn.metrics import accuracy_score, f1_score

from cases.county import County
from nlu.encoder import encode
from nlu.linear import Linear, Wording
from nlu.triage import LOOKUPS, Learnt, Reader, features, joined

HELD_BACK = 0.2
SEED = 20261125
#: a class with fewer orders can't be both learnt and tried
LEAST_EACH = 5


class HistoryError(ValueError):
    """A file of work orders that can't be used; the message names the line."""


@dataclass(frozen=True)
class WorkOrder:
    """One old order: title and words as the county keeps them, the code of its class, of its category if it has one."""

    words: str
    domain: str
    category: str | None = None


@dataclass(frozen=True)
class Scores:
    """On the orders held back, 0 to 1."""

    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Report:
    """What learning brought: orders read, left out by label, held back; scores before and after; whether it stays."""

    orders: int
    unknown: Mapping[str, int]
    held: int
    before: Scores
    after: Scores
    kept: bool


def read_history(file: Path, county: County) -> tuple[list[WorkOrder], dict[str, int]]:
    """Work orders of a CSV (with a header) or JSON lines file, and how many lines have a label the county doesn't know.

    Columns by their names in nlu/lookups/history.yml (text, title, label in Chinese or English); a label is the code
    or the name of a first-level class or of a category. Raises HistoryError.
    """
    known = yaml.safe_load((LOOKUPS / "history.yml").read_text(encoding="utf-8"))
    labels: dict[str, tuple[str, str | None]] = {}
    for domain in county.domains:
        labels |= dict.fromkeys((domain.code, domain.name), (domain.code, None))
    for category in county.categories:
        labels |= dict.fromkeys((category.code, category.name["zh"]), (category.domain, category.code))
    orders, unknown = [], Counter[str]()
    for number, row in _rows(file):
        cells = {column: _first(row, names) for column, names in known["columns"].items()}
        if not cells["text"]:
            raise HistoryError(f"{file.name}, line {number}: no text (columns: {', '.join(known['columns']['text'])})")
        if not cells["label"]:
            raise HistoryError(
                f"{file.name}, line {number}: no class (columns: {', '.join(known['columns']['label'])})"
            )
        if cells["label"] not in labels:
            unknown[cells["label"]] += 1
            continue
        orders.append(WorkOrder(joined(cells["text"], cells["title"] or None), *labels[cells["label"]]))
    return orders, dict(unknown)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Lines by number. Chinese offices export GB18030 as often as UTF-8."""
    try:
        raw = file.read_bytes()
    except OSError as refused:
        raise HistoryError(f"can't read {file}: {refused.strerror}") from refused
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as wrong:
            raise HistoryError(f"{file.name} is neither UTF-8 nor GB18030 text") from wrong
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    yield number, dict(json.loads(line))
                except ValueError as wrong:
                    raise HistoryError(f"{file.name}, line {number}: not JSON") from wrong
        return
    reader = csv.DictReader(text.splitlines(keepends=True))
    for row in reader:
        yield reader.line_num, row


def _first(row: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((value.strip() for name in names if isinstance(value := row.get(name), str) and value.strip()), "")


def learn(orders: Sequence[WorkOrder], unknown: Mapping[str, int], reader: Reader, file: Path) -> Report:
    """Tries what four fifths teach on the last fifth; if that is better, learns from all and writes `file`.

    What `file` held before lies beside it, for `undo`. Raises HistoryError when there is too little to learn from.
    """
    counts = Counter(order.domain for order in orders)
    orders = [order for order in orders if counts[order.domain] >= LEAST_EACH]
    if len({order.domain for order in orders}) < 2:
        raise HistoryError(f"too little to learn from: at least two classes with {LEAST_EACH} orders each are needed")
    vectors = encode([order.words for order in orders])
    held = _held_back([order.domain for order in orders])
    taught = [i for i in range(len(orders)) if i not in held]
    tried = sorted(held)
    truth = [orders[i].domain for i in tried]
    before = scores(truth, [_best(reader.domains(orders[i].words, vectors[i])) for i in tried])
    plain = reader.with_learnt(None)
    trial = reader.with_learnt(fit([orders[i] for i in taught], vectors[taught], plain))
    after = scores(truth, [_best(trial.domains(orders[i].words, vectors[i])) for i in tried])
    kept = after.macro_f1 > before.macro_f1
    if kept:
        if file.exists():
            file.replace(previous(file))
        else:
            previous(file).unlink(missing_ok=True)
        made = file.with_suffix(".new")
        joblib.dump(fit(orders, vectors, plain), made)
        made.replace(file)
    return Report(len(orders), unknown, len(tried), before, after, kept)


def undo(file: Path) -> bool:
    """Goes back to what was learnt before the last time, or to nothing; whether there was anything to undo."""
    if not file.exists():
        return False
    if previous(file).exists():
        previous(file).replace(file)
    else:
        file.unlink()
    return True


def previous(file: Path) -> Path:
    """Where the last but one lies."""
    return file.with_suffix(".previous")


def fit(orders: Sequence[WorkOrder], vectors: np.ndarray, plain: Reader) -> Learnt:
    """The county's own reading of its classes, on top of what the examples taught `plain`."""
    texts = [order.words for order in orders]
    seen = np.vstack([features(v, plain.domains(t, v)) for t, v in zip(texts, vectors, strict=True)])
    wording = Wording().fit(texts)
    return Learnt(Linear(10.0, None).fit(seen, [order.domain for order in orders], wording.of(texts)), wording)


def scores(truth: Sequence[str], read: Sequence[str]) -> Scores:
    """Accuracy and macro-F1 over the classes that occur in `truth`."""
    classes = sorted(set(truth))
    return Scores(
        float(accuracy_score(truth, read)),
        float(f1_score(truth, read, labels=classes, average="macro", zero_division=0)),
    )


def _best(chances: Mapping[str, float]) -> str:
    return max(chances, key=chances.__getitem__)


def _held_back(labels: Sequence[str]) -> set[int]:
    """A fifth of each class, drawn once and for all."""
    held: set[int] = set()
    for label in sorted(set(labels)):
        of = [i for i, other in enumerate(labels) if other == label]
        held.update(random.Random(f"{SEED}{label}").sample(of, max(1, int(len(of) * HELD_BACK))))
    return held
