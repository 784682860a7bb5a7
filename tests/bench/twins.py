"""How well the same matter told twice is seen: pairs of our own, and the letter-for-letter repeats of a real stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from actions.alike import SAME, SAME_ACROSS_LANGUAGES, elsewhere
from e5.model import model

if TYPE_CHECKING:
    from tests.bench.understanding import Bench


def measure(
    bench: Bench, pairs: Sequence[dict[str, Any]], stream: Sequence[dict[str, Any]]
) -> Iterable[tuple[str, str, int, str, str]]:
    """Lines of the table: recall and precision on pairs, recall on the repeats."""
    ones, twos = [p["one"] for p in pairs], [p["two"] for p in pairs]
    told = [same(bench, one, two) for one, two in zip(ones, twos, strict=True)]
    truth = [bool(p["same"]) for p in pairs]
    both = sum(a and b for a, b in zip(truth, told, strict=True))
    yield "duplicates, recall", "own: pairs", len(pairs), f"{both / max(1, sum(truth)):.3f}", "≥ 0.90"
    yield "duplicates, precision", "own: pairs", len(pairs), f"{both / max(1, sum(told)):.3f}", "≥ 0.95"
    groups = defaultdict(list)
    for row in stream:
        if row.get("identical_group") is not None:
            groups[row["identical_group"]].append(row["text"])
    repeats = [(texts[0], text) for texts in groups.values() for text in texts[1:]]
    if repeats:
        found = sum(same(bench, one, two) for one, two in repeats)
        yield "duplicates, recall", "petition_stream repeats", len(repeats), f"{found / len(repeats):.3f}", "≥ 0.90"


def same(bench: Bench, one: str, two: str) -> bool:
    """What the dialogue would ask about, the place being the same: one category, and near in meaning."""
    first, second = bench.reader.read(one), bench.reader.read(two)
    if first.category != second.category or elsewhere(first.place.said, second.place.said):
        return False
    least = SAME if first.language == second.language else SAME_ACROSS_LANGUAGES
    return float(model().query([one])[0] @ model().query([two])[0]) >= least
