"""The bot's process does without TensorFlow, and whoever tries to use it there is told."""

from __future__ import annotations

import subprocess
import sys

from tests.running import ROOT

PROBE = """
import sys
from nlu.lean import NotHere, without_tensorflow
without_tensorflow()
without_tensorflow()
import rasa.core.run
from nlu.engine import load_bot
import tensorflow as tf
from rasa.nlu.classifiers.diet_classifier import DIETClassifier
assert "tensorflow.python" not in sys.modules or not getattr(sys.modules["tensorflow.python"], "__file__", None)
for use in (lambda: tf.constant(1), lambda: tf.keras.Model(), lambda: tf.random.set_seed(1)):
    try:
        use()
    except NotHere:
        continue
    raise SystemExit("used")
try:
    import jax
except ModuleNotFoundError:
    print("lean")
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_rasa_serves_without_tensorflow_and_its_use_is_refused() -> None:
    done = run(PROBE)
    assert done.stdout.strip().endswith("lean"), done.stderr[-2000:]


def test_it_comes_too_late_once_tensorflow_is_there() -> None:
    done = run("import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
               "from nlu.lean import without_tensorflow; without_tensorflow()")  # fmt: skip
    assert "was imported before" in done.stderr
