"""`make bench`: our bot and Rasa's default pipeline and policies, taught the same examples, measured in one run."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.bench import growth, knowledge, load, understanding
from tests.bench.split import split
from tests.running import ROOT, free_port, installation

#: each in a process of its own, so that one that fails ends none of the others
CASE_SYSTEM = ("kills", "outside_day", "filing", "fuzz", "million")


def train(folder: Path, which: str) -> dict[str, float]:
    """Trains one of the two in a process of its own."""
    print(f"training {which} …", flush=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.project", str(folder), which],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{which} could not be trained:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def resident_memory(process: subprocess.Popen[bytes]) -> float:
    """Megabytes of the process and all below it."""
    top = psutil.Process(process.pid)
    return float(sum(p.memory_info().rss for p in [top, *top.children(recursive=True)])) / 1e6


@contextmanager
def vanilla(folder: Path, var: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Rasa's own server and action server over the default model."""
    bot, actions = free_port(), free_port()
    (folder / "endpoints.yml").write_text(f"action_endpoint: {{url: 'http://127.0.0.1:{actions}/webhook'}}\n")
    (folder / "credentials.yml").write_text("rest: {}\n")
    environment = {**os.environ, "MINHU_VAR": str(var), "MINHU_DATABASE_URL": f"sqlite:///{var / 'minhu.db'}",
                   "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}  # fmt: skip
    rasa = [sys.executable, "-W", "ignore", "-m", "rasa"]
    log = (folder / "log").open("wb")
    started = [
        subprocess.Popen([*rasa, "run", "actions", "--actions", "actions", "--port", str(actions)],
                         cwd=ROOT, env=environment, stdout=log, stderr=log),
        subprocess.Popen([*rasa, "run", "--model", str(folder / "model.tar.gz"), "--port", str(bot), "--endpoints",
                          str(folder / "endpoints.yml"), "--credentials", str(folder / "credentials.yml")],
                         cwd=ROOT, env=environment, stdout=log, stderr=log),
    ]  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{bot}/", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(1)
        yield f"http://127.0.0.1:{bot}", started[::-1]
    finally:
        for process in started:
            process.terminate()


def main() -> None:
    """Prints the tables."""
    understanding.main()
    knowledge.main()
    growth.main()
    for part in CASE_SYSTEM:
        print(f"\n{part}", flush=True)
        subprocess.run([sys.executable, "-W", "ignore", "-m", f"tests.bench.{part}"], cwd=ROOT, check=False)
    _, held = split(ROOT / "nlu")
    messages = [text for text, _ in held]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        trained = {which: train(folder / which, which) for which in ("ours", "vanilla")}
        with installation(folder / "var-ours", "bot", MINHU_PACE="0") as running:
            loads = {"ours": load.all_loads(running.chat, load.to_ours, messages)}
            memory = {"ours": resident_memory(running.processes["bot"])}
        (folder / "var-vanilla").mkdir()
        with installation(folder / "var-vanilla"), vanilla(folder / "vanilla", folder / "var-vanilla") as (url, both):
            loads["vanilla"] = load.all_loads(url, load.to_vanilla, messages)
            memory["vanilla"] = resident_memory(both[0])
            memory["vanilla with its action server"] = memory["vanilla"] + resident_memory(both[1])
    tell(trained, memory, loads)


def tell(trained: dict[str, dict[str, float]], memory: dict[str, float], loads: dict[str, list[load.Load]]) -> None:
    """One line a measure: ours, Rasa's defaults, the ratio, the aim."""
    ours, theirs = trained["ours"], trained["vanilla"]
    print(f"\nMeasured {datetime.date.today()}; examples held back from both: {int(ours['held'])}")
    row("", "ours", "default", "ratio", "aim")
    row("intent accuracy", f"{ours['accuracy']:.3f}", f"{theirs['accuracy']:.3f}", "", "")
    ratio("training, s", ours["seconds"], theirs["seconds"], "≤ 0.20")
    ratio("memory of the bot, MB", memory["ours"], memory["vanilla"], "≤ 0.60")
    ratio("… with its action server", memory["ours"], memory["vanilla with its action server"], "")
    for mine, other in zip(loads["ours"], loads["vanilla"], strict=True):
        at = f"{mine.residents} resident" + ("s" if mine.residents > 1 else "")
        ratio(f"messages/s, {at}", mine.per_second, other.per_second, "≥ 4.0")
        ratio(f"p50 ms, {at}", mine.p50, other.p50, "")
        ratio(f"p95 ms, {at}", mine.p95, other.p95, "≤ 0.25")
        if mine.failed or other.failed:
            print(f"failed: ours {mine.failed}, default {other.failed}")


def ratio(name: str, ours: float, theirs: float, aim: str) -> None:
    """One measure with its ratio."""
    row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}", aim)


def row(*cells: str) -> None:
    """One line of a table."""
    print(f"{cells[0]:<32}" + "".join(f"{cell:>12}" for cell in cells[1:]))


if __name__ == "__main__":
    main()
