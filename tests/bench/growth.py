"""How the search of the law grows: 1×, 10× and, with --large, 100× the passages, embedded and in PostgreSQL.

What is added to the articles are passages made of sentences of several articles, each with a vector between theirs and
some noise, so that words, meanings and the size of every index grow together and the right article has rivals. Every
step is a process of its own, so that its memory is its own; one that takes more memory than it may is ended, and the
table says so. "CPU ms" is what a search takes of all processors, at both ends: it hardly depends on what else runs.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import gc
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import sqlalchemy as sa

from e5.model import model
from knowledge.law_engine import LawEngine
from knowledge.law_search import LawSearch, citable, read_by_meaning
from knowledge.library import Library
from knowledge.meaning import PACKED, Meaning, Vector, key_of, pack, packed, read_packed, unpacked
from knowledge.passage_store import PassageStore
from knowledge.postgres_search import PostgresSearch
from knowledge.statutes import Article, Statutes, Version
from knowledge.words import LayTerms, load_plain_words
from tests.bench.knowledge import SHARED, rows_of
from tests.pgvector import Server, server
from tests.running import ROOT

SIZES, LARGE = (1, 10), 100
EVERY = 7  # every so many of the lay questions: 152
TOP = 10
SEED, IN_A_LAW, NOISE = 7, 100, 0.35
FIRST_GROWN = 2_000_000_000
SENTENCE = re.compile(r"[^。；]+[。；]?")
CAP = float(os.environ.get("MINHU_BENCH_GB", "12"))  # a step that holds more is ended
LEFT = 2.0  # and so is one that leaves the machine no more than this
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "wal_level": "minimal", "max_wal_senders": "0"}
COLUMNS = ("passages", "engine", "build s", "peak MB", "open s", "MB", "server MB", "disk MB", "CPU ms", "p50 ms",
           "p95 ms", "+embed p50", "p95", "hit@10")  # fmt: skip


class Grown:
    """The statutes with `times` as many articles; stands in for Statutes in an engine."""

    def __init__(self, times: int) -> None:
        self._real, self._today = Statutes.open(), date.today()
        self._articles = [a for v in citable(self._real, self._today) for a in self._real.articles(v, self._today)]
        self.laws = [f"增补规定第{number}号" for number in range((times - 1) * len(self._articles) // IN_A_LAW)]
        made = {law: (Version(law, f"grown:{n}", "", "2020-01-01", "2020-01-01", "2020-01-01"),)
                for n, law in enumerate(self.laws)}  # fmt: skip
        self._number = {law: number for number, law in enumerate(self.laws)}
        self.versions = {**self._real.versions, **made}
        self._sources: list[list[str]] = []
        if times > 1:
            self._around, self._middle, self._radius = self._read_sources()

    def _read_sources(self) -> tuple[Vector, Vector, float]:
        """Sentences of the articles with a packed vector, and these vectors around their middle."""
        plain = load_plain_words()
        texts = [read_by_meaning(passage(a, plain)) for a in self._articles]
        with tempfile.TemporaryDirectory() as folder:
            stored, known = Meaning(Path(folder)).known(texts)
        self._sources = [SENTENCE.findall(a.text) for a, there in zip(self._articles, known, strict=True) if there]
        vectors = unpacked(stored[known])
        middle = vectors.mean(axis=0)
        radius = float(np.linalg.norm(vectors - middle, axis=1).mean())
        return unpacked(vectors - middle), middle, radius

    def articles(self, version: Version, on: date) -> Iterator[Article]:
        """All articles of one text, the real ones as they are."""
        if version.law not in self._number:
            yield from self._real.articles(version, on)
            return
        number = self._number[version.law]
        for n, (text, _) in enumerate(self.mixed(number)):
            yield Article(FIRST_GROWN + number * IN_A_LAW + n, version.law, n + 1, "", "", text, version.effective,
                          version.published, True)  # fmt: skip

    def mixed(self, number: int) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        """Texts of one made law, each with the articles it is made of and their shares."""
        chance = np.random.default_rng((SEED, number))
        for _ in range(IN_A_LAW):
            parts = []
            for source in chance.integers(len(self._sources), size=chance.integers(2, 4)).tolist():
                sentences = self._sources[source]
                at = int(chance.integers(len(sentences))) if sentences else 0
                parts.append((source, "".join(sentences[at : at + 2])))
            length = sum(len(text) for _, text in parts) or 1
            yield "".join(text for _, text in parts), [(source, len(text) / length) for source, text in parts]

    def vectors(self, number: int) -> tuple[Vector, Vector]:
        """Keys and int8 vectors of the passages of one made law."""
        law, made = self.laws[number], list(self.mixed(number))
        keys = np.array([key_of(read_by_meaning(f"{law} {text}")) for text, _ in made], dtype=np.int64)
        chance = np.random.default_rng((SEED, number, 1))
        around = NOISE * chance.standard_normal((len(made), len(self._middle))) / len(self._middle) ** 0.5
        for row, (_, shares) in enumerate(made):
            for source, share in shares:
                around[row] += share * self._around[source]
        return keys, packed(unpacked(self._middle + self._radius * unpacked(around.astype(np.float32))))


def passage(article: Article, plain: Any) -> str:
    """An article's passage, as the engines make it."""
    from knowledge.law_engine import passage_of

    return passage_of(article, plain.get((article.law, article.number), ""))


@dataclass(frozen=True)
class Job:
    """One step in a process of its own."""

    step: str
    times: int
    folder: str
    url: str = ""

    @property
    def vectors(self) -> Path:
        """Where the vectors of this size are packed."""
        return PACKED if self.times == 1 else Path(self.folder) / f"vectors-{self.times}.npz"

    @property
    def index(self) -> Path:
        """Where the embedded index of this size is built."""
        return Path(self.folder) / f"index-{self.times}"


# --- in a process of its own ---------------------------------------------------------------------------------------


def grow(job: Job) -> dict[str, Any]:
    """Packs the vectors of a size."""
    if job.times > 1:
        grown = Grown(job.times)
        keys, vectors = read_packed(PACKED)
        made = [grown.vectors(number) for number in range(len(grown.laws))]
        keys = np.concatenate([keys, *(more for more, _ in made)])
        pack(job.vectors, keys, np.concatenate([vectors, *(more for _, more in made)]))
    return {}


def opened(job: Job, grown: Any, built: bool) -> LawEngine:
    """An engine over all passages of a size; a server that has been filled needs no vectors on this side."""
    lay, plain = LayTerms.load(), load_plain_words()
    meaning = Meaning(job.index, PACKED if job.url and built else job.vectors)
    if job.url:
        return PostgresSearch(grown, meaning, job.url, lay, plain, date.today())
    return LawSearch(grown, meaning, job.index, lay, plain, date.today())


def build(job: Job) -> dict[str, Any]:
    """Builds an index."""
    grown, started = Grown(job.times), time.perf_counter()
    opened(job, grown, built=False)
    taken = time.perf_counter() - started
    return {"build s": taken, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def search(job: Job) -> dict[str, Any]:
    """Opens a built index and asks every question twice: with the time of embedding, and with its vector at hand."""
    questions = json.loads((Path(job.folder) / "questions.json").read_text("utf-8"))
    model().query(["热身"])
    grown = Grown(job.times)
    before, started = resident(), time.perf_counter()
    engine = opened(job, grown, built=True)
    taken = time.perf_counter() - started
    ask(engine, {"text": "热身", "named": [], "grounds": []})
    cold, _ = asked(engine, questions)
    used = processor_seconds(engine)
    warm, ranks = asked(engine, questions)
    used = processor_seconds(engine) - used
    held = resident() - before
    return {"open s": taken, "MB": held, "passages": passages_of(engine), "hit@10": float(np.mean(ranks)),
            "CPU ms": used * 1000 / len(questions), "p50 ms": np.percentile(warm, 50),
            "p95 ms": np.percentile(warm, 95), "+embed p50": np.percentile(cold, 50),
            "p95": np.percentile(cold, 95)}  # fmt: skip


def resident() -> float:
    """Megabytes that this process holds, after what it has freed is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / 1e6


def processor_seconds(engine: LawEngine) -> float:
    """What this process, and the server's that works for it, have taken of the processors so far."""
    processes = [psutil.Process()]
    if isinstance(engine, PostgresSearch):
        with engine.store.engine.connect() as read:
            processes.append(psutil.Process(read.execute(sa.text("SELECT pg_backend_pid()")).scalar()))
    return float(sum(p.cpu_times().user + p.cpu_times().system for p in processes))


def passages_of(engine: LawEngine) -> int:
    """How many passages an engine has."""
    return engine.store.learnt()[1] if isinstance(engine, PostgresSearch) else len(engine.ids)  # type: ignore[attr-defined]


def ask(engine: LawEngine, question: dict[str, Any]) -> list[int]:
    """Ids of the articles found."""
    grounds = {(law, number): likely for law, number, likely in question["grounds"]}
    return [hit.article_id for hit in engine.find(question["text"], TOP, date.today(), question["named"], grounds)]


def asked(engine: LawEngine, questions: Sequence[dict[str, Any]]) -> tuple[list[float], list[bool]]:
    """(milliseconds, whether a right article is among the first ten) of each question."""
    times, right = [], []
    for question in questions:
        started = time.perf_counter()
        found = ask(engine, question)
        times.append((time.perf_counter() - started) * 1000)
        right.append(not set(found).isdisjoint(question["gold"]))
    return times, right


# --- the whole -----------------------------------------------------------------------------------------------------


def write_questions(folder: Path) -> int:
    """The questions with the ids of their right articles, and what guides and names add to the search of the law."""
    library = Library.open(Path(os.environ.get("MINHU_VAR", ROOT / "var")))
    today, rows = date.today(), []
    ids: dict[tuple[str, int], list[int]] = {}
    for article in library.statutes.in_force(today):
        ids.setdefault((article.law, article.number), []).append(article.id)
    for row in rows_of(SHARED / "lay_questions_dev.jsonl")[::EVERY]:
        gold = [one for g in row["gold"] for one in ids.get((g["law"], g["article"]), ())]
        grounds = [(law, n, likely) for (law, n), likely in library.guides.grounds(row["text"]).items()]
        named = library._names_in_force(row["text"])
        rows.append({"text": row["text"], "gold": gold, "named": named, "grounds": grounds})
    (folder / "questions.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    return len(rows)


def run(job: Job) -> dict[str, Any]:
    """Runs a step; {"failed": why} where it needs more memory than CAP or ends with an error."""
    environment = {name: value for name, value in os.environ.items() if name != "MINHU_SEARCH_URL"}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as wrong:
        started = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.bench.growth", "--job", json.dumps(vars(job))],
            cwd=ROOT, stdout=out, stderr=wrong, text=True, env=environment,
        )  # fmt: skip
        while child.poll() is None:
            time.sleep(0.5)
            try:
                held = psutil.Process(child.pid).memory_info().rss / 1e9
            except psutil.NoSuchProcess:
                continue
            left = psutil.virtual_memory().available / 1e9
            if held > CAP or left < LEFT:
                child.kill()
                child.wait()
                why = f"needs over {held:.1f} GB, ended after {time.monotonic() - started:.0f} s"
                return {"failed": f"{job.step}: {why} ({left:.1f} GB were left)"}
        out.seek(0), wrong.seek(0)
        if child.returncode:
            return {"failed": f"{job.step}: {wrong.read().strip().splitlines()[-1:]}"}
        return dict(json.loads(out.read().strip().splitlines()[-1]))


def measured(job: Job) -> dict[str, Any]:
    """Builds an index and searches it."""
    made = run(Job("build", job.times, job.folder, job.url))
    return made if "failed" in made else {**made, **run(Job("search", job.times, job.folder, job.url))}


def server_sizes(running: Server) -> dict[str, Any]:
    """Megabytes that the server's processes hold (shared pages once) and that the passages take on the disk."""
    main = psutil.Process(running.process.pid)
    held = sum(p.memory_full_info().pss for p in [main, *main.children(recursive=True)])
    with PassageStore(running.url).engine.connect() as read:
        disk = read.execute(sa.text("SELECT pg_total_relation_size('minhu_search.passages')")).scalar() or 0
    return {"server MB": held / 1e6, "disk MB": disk / 1e6}


def line(cells: dict[str, Any]) -> None:
    """One line of the table."""
    if "failed" in cells:
        print(f"{cells['passages']:>10}  {cells['engine']:<12}{cells['failed']}", flush=True)
        return
    shown = []
    for name in COLUMNS:
        value = cells.get(name, "")
        places = 3 if name == "hit@10" else 1 if isinstance(value, float) and value < 100 else 0
        text = f"{value:.{places}f}" if isinstance(value, float) else str(value)
        shown.append(f"  {text:<12}" if name == "engine" else f"{text:>11}")
    print("".join(shown), flush=True)


def main(sizes: Sequence[int] = SIZES) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory(prefix="minhu-growth-") as made:
        folder = Path(made)
        asked = write_questions(folder)
        print(f"\nGrowth of the search of the law, measured {datetime.date.today()}, {asked} questions")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; PostgreSQL with {SETTINGS}")
        line({name: name for name in COLUMNS})
        for times in sizes:
            grown = run(Job("grow", times, made))
            if "failed" in grown:
                line({"passages": f"{times}×", "engine": "", **grown})
                continue
            line({"passages": f"{times}×", "engine": "embedded", **measured(Job("", times, made))})
            memory = "6GB" if times >= LARGE else "1GB"
            with server(**SETTINGS, maintenance_work_mem=memory) as running:
                row = measured(Job("", times, made, running.url))
                line({"passages": f"{times}×", "engine": "PostgreSQL", **row, **server_sizes(running)})
        print(f"load {os.getloadavg()[0]:.1f} at the end")


STEPS = {"grow": grow, "build": build, "search": search}

if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--large", action="store_true", help=f"{LARGE}× too: 16 GB of disk, an hour or more")
    words.add_argument("--job", help=argparse.SUPPRESS)
    told = words.parse_args()
    if told.job:
        one = Job(**json.loads(told.job))
        print(json.dumps(STEPS[one.step](one)))
    else:
        main((*SIZES, LARGE) if told.large else SIZES)
