"""The plan of a turn is Dask's order of the same graph, worked out once; what a node raises stays what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rasa.engine.exceptions import GraphComponentException, GraphRunError
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage

from nlu.runner import InOrder

RAN: list[str] = []


class Joins(GraphComponent):
    """Joins what it is given and its own name; raises what it is told to."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @classmethod
    def create(cls, config: dict[str, Any], **_: Any) -> Joins:
        return cls(config)

    def run(self, **given: str) -> str:
        RAN.append(self._config["name"])
        if "raises" in self._config:
            raise self._config["raises"]
        return "+".join([*(given[key] for key in sorted(given)), self._config["name"]])


def node(name: str, target: bool = False, raises: BaseException | None = None, **needs: str) -> SchemaNode:
    config = {"name": name} | ({"raises": raises} if raises else {})
    return SchemaNode(needs, Joins, "create", "run", config, is_target=target)


def schema(**nodes: SchemaNode) -> GraphSchema:
    return GraphSchema(nodes)


def both(graph: GraphSchema, folder: Path) -> tuple[InOrder, DaskGraphRunner]:
    context = ExecutionContext(graph)
    ours, theirs = (LocalModelStorage(folder) for _ in range(2))
    return InOrder(graph, ours, context), DaskGraphRunner(graph, theirs, context)


DIAMOND = schema(
    last=node("last", target=True, a="left", b="right"),
    left=node("left", a="first"),
    right=node("right", a="first"),
    first=node("first", a="said"),
    apart=node("apart", target=True, a="said"),
)


@pytest.mark.parametrize("targets", [None, ["last"], ["apart"], ["left"], ["last", "apart"]])
def test_it_gives_what_dask_gives(tmp_path: Path, targets: list[str] | None) -> None:
    ours, theirs = both(DIAMOND, tmp_path)
    expected = theirs.run({"said": "hello"}, targets)
    assert ours.run({"said": "hello"}, targets) == expected
    assert ours.run({"said": "again"}, targets) == theirs.run({"said": "again"}, targets)


def test_a_node_runs_once_however_many_need_it(tmp_path: Path) -> None:
    ours, _ = both(DIAMOND, tmp_path)
    RAN.clear()
    ours.run({"said": "hello"})
    assert sorted(RAN) == ["apart", "first", "last", "left", "right"]
    assert RAN.index("first") < RAN.index("left") < RAN.index("last")


def test_a_failure_in_a_node_is_raised_as_rasa_raises_it(tmp_path: Path) -> None:
    graph = schema(last=node("last", target=True, raises=ValueError("no"), a="said"))
    ours, theirs = both(graph, tmp_path)
    for runner in (theirs, ours):
        with pytest.raises(GraphComponentException, match="node last") as raised:
            runner.run({"said": "hello"})
        assert isinstance(raised.value.__cause__, ValueError)


def test_an_input_that_is_missing_is_named(tmp_path: Path) -> None:
    for runner in both(DIAMOND, tmp_path):
        with pytest.raises(GraphRunError, match="said"):
            runner.run({})
