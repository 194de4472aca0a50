"""What expressions see of a run, and what they make of it."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headrace.expression import Data, Expression, ExpressionError
from headrace.workflow import Bindings
from workflow_router.model import RunState


class Values:
    """Evaluates expressions for one run."""

    def __init__(self, run: str) -> None:
        self._run = run

    def bound(self, state: RunState, bindings: Bindings) -> str:
        """Bindings as a JSON object. Raises ExpressionError."""
        data = self._data(state, [expression for _, expression in bindings])
        result = {name: expression.evaluate(data) for name, expression in bindings}
        return msgspec.json.encode(result).decode()

    def holds(self, state: RunState, when: Expression, fresh: Mapping[str, Any]) -> bool:
        """Whether a condition is true. `fresh`: outputs that are not in the state yet. Raises ExpressionError."""
        value = when.evaluate(self._data(state, (when,), fresh))
        if not isinstance(value, bool):
            raise ExpressionError(f"`{when.text:.200}` is {value!r:.80}; a condition must be true or false")
        return value

    def _data(self, state: RunState, expressions: Iterable[Expression], fresh: Mapping[str, Any] | None = None) -> Data:
        """What these expressions look at; only outputs that they refer to are decoded."""
        outputs = dict(fresh or {})
        for name in {name for expression in expressions for name in expression.nodes} - outputs.keys():
            result = state.results.get(name)
            if result is not None and result.output is not None:
                outputs[name] = msgspec.json.decode(result.output)
        start = state.start
        about = {
            "id": self._run,
            "workflow": start.workflow,
            "session": start.session,
            "tenant": start.tenant,
            "labels": dict(start.labels),
        }
        nodes = {name: {"output": output} for name, output in outputs.items()}
        return Data(input=msgspec.json.decode(start.input), nodes=nodes, run=about)
