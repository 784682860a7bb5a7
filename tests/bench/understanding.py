"""How well messages are read, on sets nobody tuned to: one table, confusion matrices as pictures, a reliability table.

`python -m tests.bench.understanding` runs it alone. Our own sets lie in tests/nlu/sets; those in ../shared/data are
read where they are there and named as missing where not.
"""

from __future__ import annotations

import datetime
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import StratifiedKFold

from cases.county import County
from nlu import history
from nlu.encoder import encode
from nlu.triage import Reader, Reading
from tests.bench import rival, twins
from tests.bench.report import Matrix, write_report
from tests.running import ROOT

OWN = ROOT / "tests/nlu/sets"
SHARED = ROOT.parent / "shared/data"
FOLDS = 5


@dataclass(frozen=True)
class Line:
    """One measure of the table. `aim` is text; `other` is what baisitong2 reaches on the same set."""

    what: str
    rows: str
    size: int
    ours: str
    aim: str
    other: str = ""


def own(name: str) -> list[dict[str, Any]]:
    """One of our own sets; empty where it isn't written yet."""
    file = OWN / f"{name}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def shared(path: str) -> list[dict[str, Any]]:
    """One of the development sets; empty where it isn't there."""
    file = SHARED / path
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


class Bench:
    """Reads every set once and measures."""

    def __init__(self) -> None:
        """Loads the reader that the bot uses."""
        self.county = County.load(ROOT / "city")
        self.reader = Reader.load(ROOT / "city", ROOT / "models/triage.joblib")
        self.matrices: list[Matrix] = []
        self.rival = rival.Rival.bring()

    def read(self, rows: Sequence[dict[str, Any]]) -> list[Reading]:
        """Readings of a set, in order."""
        return list(self.reader.read_many((row["text"], row.get("title")) for row in rows))

    def lines(self) -> Iterable[Line]:
        """All measures, one after the other."""
        for measure in (self.kinds, self.petitions, self.learnt, self.dangers, self.places, self.matters,
                        self.off_topic, self.duplicates, self.speed):  # fmt: skip
            yield from measure()

    def kinds(self) -> Iterable[Line]:
        """Kind of message, and the reliability of its confidence."""
        rows = own("kinds")
        read = self.read(rows)
        truth, told = [row["kind"] for row in rows], [r.kind for r in read]
        self.matrices.append(matrix("Kind of message (kinds.jsonl)", truth, told))
        yield Line("kind of message, macro-F1", "own: kinds", len(rows), score(macro(truth, told)), "≥ 0.92")
        sure = np.array([r.confidence for r in read])
        right = np.array([a == b for a, b in zip(truth, told, strict=True)])
        self.reliability = reliability(sure, right)
        error = sum(n * abs(mean - share) for _, n, mean, share in self.reliability) / len(rows)
        yield Line("calibration error of that", "own: kinds", len(rows), score(error), "")

    def petitions(self) -> Iterable[Line]:
        """First-level class with nothing learnt from history."""
        if not (rows := shared("messages/petitions_dev.jsonl")):
            return
        read = self.read(rows)
        truth = [row["class"] for row in rows]
        told = [self.county.domain(r.domain).name for r in read if r.domain]
        self.matrices.append(matrix("First-level class, no history (petitions_dev)", truth, told))
        labels = sorted(set(truth))
        measured = float(f1_score(truth, told, labels=labels, average="macro"))
        other = self.rival.classes(rows, truth) if self.rival else ""
        yield Line("class, no history, macro-F1", "petitions_dev", len(rows), score(measured), "≥ 0.85", other)

    def learnt(self) -> Iterable[Line]:
        """The same with `minhu learn`, each fold read by what the other four taught."""
        if not (file := SHARED / "messages/petitions_dev.jsonl").exists():
            return
        orders, _ = history.read_history(file, self.county)
        labels = [order.domain for order in orders]
        vectors = encode([order.words for order in orders])
        told = [""] * len(orders)
        for taught, held in StratifiedKFold(FOLDS, shuffle=True, random_state=1).split(vectors, labels):
            learnt = history.fit([orders[i] for i in taught], vectors[taught], self.reader)
            reader = self.reader.with_learnt(learnt)
            for i in held:
                chances = reader.domains(orders[i].words, vectors[i])
                told[i] = max(chances, key=chances.__getitem__)
        self.matrices.append(matrix("First-level class after learning (petitions_dev, 5 folds)", labels, told))
        yield Line("class, history learnt, macro-F1", f"petitions_dev, {FOLDS} folds", len(orders),
                   score(macro(labels, told)), "≥ 0.90")  # fmt: skip

    def dangers(self) -> Iterable[Line]:
        """Danger to life."""
        rows = own("dangers") + [{**row, "danger": bool(row["danger"])} for row in own("kinds")]
        read = self.read(rows)
        truth, told = [bool(row["danger"]) for row in rows], [r.danger is not None for r in read]
        recall, precision = hits(truth, told)
        other = self.rival.dangers(rows, truth) if self.rival else ("", "")
        of = "own: kinds" + (" + dangers" if own("dangers") else "")
        yield Line("danger, recall", of, len(rows), score(recall), "≥ 0.98", other[0])
        yield Line("danger, precision", of, len(rows), score(precision), "≥ 0.85", other[1])

    def places(self) -> Iterable[Line]:
        """Place to the village, or the right question."""
        rows = own("places")
        right = []
        for row, read in zip(rows, self.read(rows), strict=True):
            place = read.place
            if row["ask"]:
                right.append(place.village is None and set(place.candidates) == set(row["ask"]))
            else:
                right.append((place.town, place.village) == (row["town"], row["village"]) and not place.candidates)
        yield Line("place, or the right question", "own: places", len(rows), score(float(np.mean(right))), "≥ 0.95")

    def matters(self) -> Iterable[Line]:
        """Whether a message holds several matters, and where one ends and the next begins."""
        rows = own("matters")
        read = self.read(rows)
        truth, told = [row["matters"] > 1 for row in rows], [len(r.matters) > 1 for r in read]
        recall, precision = hits(truth, told)
        yield Line("several matters, F1", "own: matters", len(rows), score(f1(recall, precision)), "≥ 0.85")
        exact = [len(r.matters) == row["matters"] for row, r in zip(rows, read, strict=True)]
        yield Line("… their number is right", "own: matters", len(rows), score(float(np.mean(exact))), "")

    def off_topic(self) -> Iterable[Line]:
        """What the hotline is not for, and real petitions taken for it."""
        if rows := shared("dialogue/off_topic_dev.jsonl"):
            told = Counter(r.kind for r in self.read(rows))
            share = (told["offtopic"] + told["smalltalk"]) / len(rows)
            yield Line("off-topic seen as that", "off_topic_dev", len(rows), score(share), "≥ 0.95")
        if rows := shared("messages/petitions_dev.jsonl"):
            told = Counter(r.kind for r in self.read(rows))
            share = (told["offtopic"] + told["smalltalk"]) / len(rows)
            yield Line("petitions refused as off-topic", "petitions_dev", len(rows), score(share), "≤ 0.02")

    def duplicates(self) -> Iterable[Line]:
        """The same matter told twice."""
        yield from (Line(*line) for line in twins.measure(self, own("pairs"), shared("messages/petition_stream.jsonl")))

    def speed(self) -> Iterable[Line]:
        """Short messages a second, fresh ones, through the whole reading."""
        texts = [row["text"] for row in own("kinds") if len(row["text"]) <= 40]
        fresh = [f"{text}（{n}）" for n, text in enumerate(texts)]
        started = time.perf_counter()
        for _ in self.reader.read_many((text, None) for text in fresh):
            pass
        ours = len(fresh) / (time.perf_counter() - started)
        other = self.rival.speed(fresh) if self.rival else ""
        yield Line("short messages a second", "own: kinds", len(fresh), f"{ours:.0f}", "≥ 60", other)


def macro(truth: Sequence[str], told: Sequence[str]) -> float:
    """Macro-F1 over the labels of the truth."""
    return float(f1_score(truth, told, labels=sorted(set(truth)), average="macro", zero_division=0))


def hits(truth: Sequence[bool], told: Sequence[bool]) -> tuple[float, float]:
    """(recall, precision)."""
    both = sum(a and b for a, b in zip(truth, told, strict=True))
    return both / max(1, sum(truth)), both / max(1, sum(told))


def f1(recall: float, precision: float) -> float:
    """Their harmonic mean."""
    return 2 * recall * precision / max(1e-9, recall + precision)


def score(value: float) -> str:
    """As the table shows it."""
    return f"{value:.3f}"


def reliability(sure: np.ndarray, right: np.ndarray) -> list[tuple[str, int, float, float]]:
    """(bin, messages, mean confidence, share that was right) for ten bins of confidence; empty bins are left out."""
    found = []
    for low in np.arange(0.0, 1.0, 0.1):
        inside = (sure >= low) & (sure < low + 0.1 + (1e-9 if low > 0.85 else 0))
        if inside.any():
            found.append((f"{low:.1f}–{low + 0.1:.1f}", int(inside.sum()), float(sure[inside].mean()),
                          float(right[inside].mean())))  # fmt: skip
    return found


def matrix(title: str, truth: Sequence[str], told: Sequence[str]) -> Matrix:
    """A confusion matrix over all labels that occur."""
    labels = sorted({*truth, *told})
    return Matrix(title, labels, confusion_matrix(truth, told, labels=labels))


def main(say: Callable[[str], None] = print) -> Path:
    """Prints the table; returns where the report with the pictures lies."""
    bench = Bench()
    day = datetime.date.today()
    say(f"\nUnderstanding, measured {day}")
    say(f"{'':<34}{'set':<26}{'size':>6}{'ours':>9}{'aim':>9}{'baisitong2':>12}")
    lines = []
    for line in bench.lines():
        lines.append(line)
        say(f"{line.what:<34}{line.rows:<26}{line.size:>6}{line.ours:>9}{line.aim:>9}{line.other:>12}")
    if not SHARED.exists():
        say("../shared/data is not there: petitions, off-topic and the stream were not measured")
    if bench.rival is None:
        say("baisitong2 could not be brought: not measured")
    say("\nconfidence   messages   mean   right")
    for name, number, mean, share in bench.reliability:
        say(f"{name:<12}{number:>9}{mean:>7.2f}{share:>8.2f}")
    report = write_report(ROOT / "results/understanding.html", day, lines, bench.matrices, bench.reliability)
    say(f"confusion matrices: {report}")
    return report


if __name__ == "__main__":
    main()
