"""Trains all that is learnt from examples in one process, so that sentences are encoded once."""

from __future__ import annotations

import sys
from pathlib import Path

from e5.model import model
from nlu.triage import Reader

#: all examples stay at hand while they are learnt from
EXAMPLES_MOST = 30_000


def teach(city: Path, models: Path, name: str) -> None:
    """Writes `models`/triage.joblib and the Rasa model `models`/`name`; works in the project folder."""
    from rasa.model_training import train

    model().keeps = EXAMPLES_MOST
    # the examples of Rasa's model come first: the triage reads them again while they are at hand
    made = train("domain.yml", "config.yml", ["nlu"], str(models), fixed_model_name=name, force_training=True)
    if made.code != 0:
        raise SystemExit(f"Rasa's training ended with {made.code}")
    Reader.train(city, Path("nlu"), models / "triage.joblib")


if __name__ == "__main__":
    teach(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
