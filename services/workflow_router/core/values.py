"""What expressions see of a run, and what they make of it."""

from typing import Any

import msgspec

from headrace.expression import Data, Expression, ExpressionError
from headrace.workflow import Bindings
from workflow_router.model import RunState


class Values:
    """Evaluates expressions for one decision about a run. Input and outputs never change: each is decoded once."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._common: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._data: dict[frozenset[str], Data] = {}

    def bound(self, state: RunState, bindings: Bindings) -> str:
        """Bindings as a JSON object. Raises ExpressionError."""
        data = self._seen(state, frozenset().union(*(expression.nodes for _, expression in bindings)))
        result = {name: expression.evaluate(data) for name, expression in bindings}
        return msgspec.json.encode(result).decode()

    def fresh(self, node: str, output: Any) -> None:
        """Let expressions see an output that is not in the state yet."""
        self._outputs[node] = output

    def holds(self, state: RunState, when: Expression) -> bool:
        """Whether a condition is true. Raises ExpressionError."""
        value = when.evaluate(self._seen(state, when.nodes))
        if not isinstance(value, bool):
            raise ExpressionError(f"`{when.text:.200}` is {value!r:.80}; a condition must be true or false")
        return value

    def _seen(self, state: RunState, nodes: frozenset[str]) -> Data:
        """What expressions that refer to these nodes look at; nothing else is decoded."""
        for name in nodes - self._outputs.keys():
            result = state.results.get(name)
            if result is not None and result.output is not None:
                self._outputs[name] = msgspec.json.decode(result.output)
        there = frozenset(nodes & self._outputs.keys())
        if there not in self._data:
            outputs = {name: {"output": self._outputs[name]} for name in there}
            self._data[there] = Data(nodes=outputs, **self._input(state))
        return self._data[there]

    def _input(self, state: RunState) -> dict[str, Any]:
        if not self._common:
            start = state.start
            about = {
                "id": self._run,
                "workflow": start.workflow,
                "session": start.session,
                "tenant": start.tenant,
                "labels": dict(start.labels),
            }
            self._common = {"input": msgspec.json.decode(start.input), "run": about}
        return self._common
