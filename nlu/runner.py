"""Runs Rasa's graph of a turn in the order of its needs, worked out once for each set of targets."""

from __future__ import annotations

from typing import Any

from rasa.engine.exceptions import GraphRunError
from rasa.engine.runner.dask import DaskGraphRunner


class InOrder(DaskGraphRunner):
    """Dask plans the graph anew at every message, twice a turn and more; the plan never changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """See parent class."""
        super().__init__(*args, **kwargs)
        self._plans: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """See parent class."""
        wanted = tuple(targets or self._graph_schema.target_names)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        made: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        try:
            for name, needs in self._plans[wanted]:
                made[name] = self._instantiated_nodes[name](*(made.get(need, need) for need in needs))
        except RuntimeError as failed:
            raise GraphRunError("Error running runner.") from failed
        return dict(made[name] for name in wanted)

    def _plan(self, targets: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        nodes, order = self._graph_schema.nodes, dict[str, tuple[str, ...]]()

        def visit(name: str) -> None:
            if name in nodes and name not in order:
                needs = tuple(nodes[name].needs.values())
                for need in needs:
                    visit(need)
                order[name] = needs

        for target in targets:
            visit(target)
        return list(order.items())
