"""Lays out a Rasa project in a temporary folder (ours or the default one), trains it and reports time and accuracy.

Run as `python -m tests.bench.project FOLDER ours|vanilla`, in a process of its own so that neither bot warms the other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path

from tests.bench.split import split, write

ROOT = Path(__file__).resolve().parents[2]


def lay_out(folder: Path, which: str) -> list[tuple[str, str]]:
    """Writes the project; returns the examples that it must not see."""
    learn, held = split(ROOT / "nlu")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    write(learn, folder / "data" / "examples.yml")
    for part in ("rules", "responses"):
        shutil.copytree(ROOT / "nlu" / part, folder / "data" / part, dirs_exist_ok=True)
    shutil.copy(ROOT / "domain.yml", folder)
    if which == "vanilla":
        shutil.copy(ROOT / "tests/bench/stories.yml", folder / "data")
        shutil.copy(ROOT / "tests/bench/vanilla_config.yml", folder / "config.yml")
    else:
        shutil.copy(ROOT / "config.yml", folder)
    return held


def main(folder: Path, which: str) -> None:
    """Prints one JSON line: seconds to train, accuracy on what was held back, number held back."""
    logging.disable(logging.WARNING)
    os.environ.update(RASA_TELEMETRY_ENABLED="false", TF_CPP_MIN_LOG_LEVEL="3")
    held = lay_out(folder, which)
    from rasa.model_training import train
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.ERROR)
    os.chdir(ROOT)
    started = time.perf_counter()
    train(str(folder / "domain.yml"), str(folder / "config.yml"), [str(folder / "data")], output=str(folder),
          fixed_model_name="model", force_training=True)  # fmt: skip
    seconds = time.perf_counter() - started
    from rasa.core.agent import Agent

    agent = Agent.load(folder / "model.tar.gz")

    async def right() -> int:
        return sum([(await agent.parse_message(text))["intent"]["name"] == intent for text, intent in held])

    print(json.dumps({"seconds": seconds, "accuracy": asyncio.run(right()) / len(held), "held": len(held)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
