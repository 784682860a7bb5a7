"""Trains the models when what they are made from has changed."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time

from commands.installation import MODEL, MODELS, ROOT, TRIAGE, city, make_folders, var
from commands.terminal import Stop, say

TAUGHT_BY = (
    "nlu",
    "e5",
    "city/categories.yml",
    "city/towns.csv",
    "city/villages.csv",
    "domain.yml",
    "config.yml",
    "uv.lock",
)


def train(force: bool = False) -> None:
    """Trains what is not trained or no longer fits its examples."""
    mark, now = MODELS / "taught-by", fingerprint()
    if not force and MODEL.exists() and TRIAGE.exists() and mark.exists() and mark.read_text() == now:
        return
    say("Training the model (once, about four minutes) …")
    started, log = time.monotonic(), var() / "training.log"
    words = ["nlu.teach", str(city()), str(MODELS), MODEL.name.removesuffix(".tar.gz")]
    with log.open("w+b") as out:
        teaching = subprocess.Popen([sys.executable, "-W", "ignore", "-m", *words], cwd=ROOT, stdout=out, stderr=out)
        while teaching.poll() is None:
            time.sleep(0.2)
            if sys.stderr.isatty():
                print(f"\r  {time.monotonic() - started:.0f} s", end="", file=sys.stderr, flush=True)
    if teaching.returncode != 0 or not MODEL.exists():
        raise Stop(f"Training failed; {log} tells why.")
    mark.write_text(now)
    say(f"  learnt in {time.monotonic() - started:.0f} s")


def fingerprint() -> str:
    """One hash over everything that the model is made from."""
    seen = hashlib.sha256()
    for part in TAUGHT_BY:
        path = ROOT / part if not part.startswith("city/") else city() / part.removeprefix("city/")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                seen.update(file.name.encode() + file.read_bytes())
    return seen.hexdigest()


def prepare_models() -> None:
    """A batch may be the first thing that is run here; its own words go to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        make_folders()
        train()
