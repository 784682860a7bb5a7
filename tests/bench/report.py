"""Writes the report of a measurement as one HTML file that opens anywhere: table, reliability, confusion matrices."""

from __future__ import annotations

import base64
import datetime
import html
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

STYLE = "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em}td,th{padding:.2em .8em;text-align:left}"
FONTS = ["Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "DejaVu Sans"]


@dataclass(frozen=True)
class Matrix:
    """Counts (n, n): rows are the truth, columns what was read."""

    title: str
    labels: Sequence[str]
    counts: np.ndarray


def picture(matrix: Matrix) -> str:
    """A PNG as a data URL; each row is shaded by its share."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of matplotlib about its own parser
        return _drawn(matrix)


def _drawn(matrix: Matrix) -> str:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["font.family"] = FONTS
    from matplotlib import pyplot

    size = 2.5 + 0.45 * len(matrix.labels)
    figure, axes = pyplot.subplots(figsize=(size, size))
    shares = matrix.counts / np.maximum(1, matrix.counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(matrix.labels)), matrix.labels, rotation=90)
    axes.set_yticks(range(len(matrix.labels)), matrix.labels)
    axes.set_xlabel("read as")
    axes.set_ylabel("truth")
    for row, column in zip(*np.nonzero(matrix.counts), strict=True):
        dark = shares[row, column] > 0.5
        axes.text(column, row, str(matrix.counts[row, column]), ha="center", va="center",
                  color="white" if dark else "black", fontsize=8)  # fmt: skip
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)
    return "data:image/png;base64," + base64.b64encode(drawn.getvalue()).decode()


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """An HTML table."""
    cells = "".join(f"<th>{html.escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def write_report(
    file: Path, day: datetime.date, lines: Sequence[Any], matrices: Sequence[Matrix], bins: Sequence[Sequence[Any]]
) -> Path:
    """Writes `file` and returns it."""
    rows = [(x.what, x.rows, x.size, x.ours, x.aim, x.other) for x in lines]
    parts = [f"<!doctype html><meta charset=utf-8><title>Understanding, {day}</title><style>{STYLE}</style>"]
    parts.append(f"<h1>Understanding, measured {day}</h1>")
    parts.append(table(("", "set", "size", "ours", "aim", "baisitong2"), rows))
    parts.append("<p>* share of messages where one of its labels fits; its labels are not these classes</p>")
    parts.append("<h2>Reliability of the confidence</h2>")
    shown = [(name, number, f"{mean:.2f}", f"{share:.2f}") for name, number, mean, share in bins]
    parts.append(table(("confidence", "messages", "mean", "right"), shown))
    for matrix in matrices:
        parts.append(f"<h2>{html.escape(matrix.title)}</h2><img alt='' src='{picture(matrix)}'>")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(parts), encoding="utf-8")
    return file
