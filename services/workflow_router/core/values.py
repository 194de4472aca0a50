"""What expressions see of a run, and what they make of it."""

from typing import Any

import msgspec

from headrace.expression import Data, Expression, ExpressionError
from headrace.workflow import Bindings
from workflow_router.model import RunState


class Values:
    """Evaluates expressions for one decision about a run. Only what one of them names is decoded, and that once."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._common: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._data: dict[tuple[frozenset[str], frozenset[str]], Data] = {}

    def bound(self, state: RunState, bindings: Bindings) -> str:
        """Bindings as a JSON object. Raises ExpressionError."""
        expressions = [expression for _, expression in bindings]
        nodes = frozenset().union(*(expression.nodes for expression in expressions))
        names = frozenset().union(*(expression.names for expression in expressions))
        data = self._seen(state, nodes, names)
        result = {name: expression.evaluate(data) for name, expression in bindings}
        return msgspec.json.encode(result).decode()

    def fresh(self, node: str, output: Any) -> None:
        """Let expressions see an output that is not in the state yet."""
        self._outputs[node] = output

    def holds(self, state: RunState, when: Expression) -> bool:
        """Whether a condition is true. Raises ExpressionError."""
        value = when.evaluate(self._seen(state, when.nodes, when.names))
        if not isinstance(value, bool):
            raise ExpressionError(f"`{when.text:.200}` is {value!r:.80}; a condition must be true or false")
        return value

    def _seen(self, state: RunState, nodes: frozenset[str], names: frozenset[str]) -> Data:
        """What expressions with these nodes and names look at."""
        for name in nodes - self._outputs.keys():
            result = state.results.get(name)
            if result is not None and result.output is not None:
                self._outputs[name] = msgspec.json.decode(result.output)
        there = frozenset(nodes & self._outputs.keys())
        if (there, names) not in self._data:
            outputs = {name: {"output": self._outputs[name]} for name in there}
            common = {name: self._named(state, name) for name in names - {"nodes"}}
            self._data[there, names] = Data(nodes=outputs, **common)
        return self._data[there, names]

    def _named(self, state: RunState, name: str) -> Any:
        if name not in self._common:
            self._common[name] = msgspec.json.decode(state.start.input) if name == "input" else self._about(state)
        return self._common[name]

    def _about(self, state: RunState) -> dict[str, Any]:
        start = state.start
        return {
            "id": self._run,
            "workflow": start.workflow,
            "session": start.session,
            "tenant": start.tenant,
            "labels": dict(start.labels),
        }
