"""Packs vectors into vectors.npz, so that a new installation finds by meaning from its first minute.

`python -m knowledge.pack VAR` learns, with its cache in VAR, what residents ask about: guides, the articles of the laws
that have everyday words, and the questions that articles answer. Run it after editing those; what is edited and not
packed is learnt by each installation.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from knowledge.law_search import LawSearch
from knowledge.library import Library
from knowledge.meaning import PACKED, Meaning, pack


def main(var: Path) -> int:
    """Learns and packs. Returns the exit status."""
    os.nice(10)
    library = Library.open(var)
    if not isinstance(library.search, LawSearch):
        sys.exit("unset MINHU_SEARCH_URL: vectors are packed from the embedded index")
    rows = library.search.asked_about()
    library.learn(lambda done, of: print(f"\r{done}/{of}", end="", flush=True), most=len(rows))
    keys = np.concatenate([library.search.keys[rows], library.asked.keys, library.guides.keys])
    vectors, known = Meaning(var / "index").known_keys(keys)
    pack(PACKED, keys[known], vectors[known])
    print(f"\n{int(known.sum())} of {len(keys)} passages packed into {PACKED.name}")
    return 0 if known.all() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
