"""What expressions see of a run, and what they make of it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from headrace.claims.claim import claims_in
from headrace.events.run import NodeResult
from headrace.expression import MOST_WORK_OF_A_NODE, Data, Expression, ExpressionError, Meter
from headrace.workflow import Bindings, Node
from workflow_router.model import Round, RunState

MOST_WORK_AT_ONCE = 2 * MOST_WORK_OF_A_NODE
"""Bytes that costly expressions of one decision may handle before other nodes wait for the next: less than 1 s."""
MOST_DATA = 4
"""Data that is kept converted for further nodes: CEL keeps with it what the last evaluations made."""
MOST_LISTS = 8
"""Lists of maps that are kept decoded: else each outcome of an instance would cost as much as all items are long."""

_CLAIMED = (
    "an output of more than 256 KiB travels as a reference, which expressions can't look into: hand it on as a whole, "
    "and look into it in a template node"
)
Key = tuple[frozenset[str], frozenset[Round], frozenset[str]]
K = TypeVar("K", str, Round)


class Values:
    """Evaluates expressions for one decision about a run. Only what one of them names is decoded, and that once."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._common: dict[str, Any] = {}
        self._nodes: dict[str, Any] = {}
        self._previous: dict[Round, Any] = {}
        self._data: dict[Key, Data] = {}
        self._meter = Meter()

    @property
    def spent(self) -> bool:
        """Whether so much was evaluated that the rest should wait for the next decision."""
        return self._meter.done >= MOST_WORK_AT_ONCE

    def output(self, state: RunState, bindings: Bindings) -> str:
        """What a run puts out, as a JSON object. Raises ExpressionError."""
        self._meter.allow(MOST_WORK_OF_A_NODE)
        return self._bound(bindings, self._seen(state, [expression for _, expression in bindings], {}))

    def input(self, state: RunState, here: Node, extra: Mapping[str, Any]) -> str:
        """A node's input as a JSON object. extra: what only its instance sees. Raises ExpressionError."""
        if not here.input:
            return "{}"
        self._meter.allow(MOST_WORK_OF_A_NODE)
        expressions = [expression for _, expression in here.input]
        return self._bound(here.input, self._seen(state, expressions, here.previous, extra))

    def _bound(self, bindings: Bindings, data: Data) -> str:
        result = {name: self._evaluated(expression, data) for name, expression in bindings}
        return msgspec.json.encode(result).decode()

    def over(self, state: RunState, here: Node, expression: Expression) -> Any:
        """What a node is to be mapped over. Raises ExpressionError."""
        self._meter.allow(MOST_WORK_OF_A_NODE)
        return self._value(state, here, expression)

    def _value(self, state: RunState, here: Node, expression: Expression) -> Any:
        return self._evaluated(expression, self._seen(state, [expression], here.previous))

    def _evaluated(self, expression: Expression, data: Data) -> Any:
        try:
            return expression.evaluate(data)
        except ExpressionError as error:
            if any(claims_in(self._nodes[name].get("output")) for name in expression.nodes & self._nodes.keys()):
                raise ExpressionError(f"{error}; {_CLAIMED}") from error
            raise

    def holds(self, state: RunState, here: Node, when: Expression) -> bool:
        """Whether the condition of an edge from a node is true. Raises ExpressionError."""
        value = self._value(state, here, when)
        if not isinstance(value, bool):
            raise ExpressionError(f"`{when.text:.200}` is {value!r:.80}; a condition must be true or false")
        return value

    def items(self, state: RunState, node: str) -> list[Any]:
        """What a node is mapped over."""
        return _list(state.lists[node].items)

    def fresh(self, node: str, output: Any) -> None:
        """Let expressions see an output that is not in the state yet."""
        self._nodes[node] = {"output": output}
        self._look_anew()

    def failed(self, node: str, code: str, message: str) -> None:
        """Let expressions see a failure that is not in the state yet."""
        self._nodes[node] = {"error": {"code": code, "message": message}}
        self._look_anew()

    def _look_anew(self) -> None:
        self._data.clear()
        self._meter.allow(MOST_WORK_OF_A_NODE)

    def forget(self, nodes: Iterable[str]) -> None:
        """Let expressions see these nodes no more: they will run again."""
        for name in nodes:
            self._nodes.pop(name, None)
        self._previous.clear()
        self._data.clear()

    def _seen(
        self,
        state: RunState,
        expressions: Iterable[Expression],
        looped: Mapping[str, str],
        extra: Mapping[str, Any] | None = None,
    ) -> Data:
        """What expressions look at. looped: `previous` of their node."""
        names: frozenset[str] = frozenset()
        wanted: frozenset[str] = frozenset()
        rounds: frozenset[Round] = frozenset()
        for expression in expressions:
            names, wanted = names | expression.names, wanted | expression.nodes
            rounds |= {(looped[name], name) for name in expression.previous}
        nodes = _there(wanted, self._nodes, state.results)
        previous = {name: value for (_, name), value in _there(rounds, self._previous, state.previous).items()}
        if extra:
            return Data(self._meter, nodes=nodes, previous=previous, **self._named(state, names), **extra)
        key = (frozenset(nodes), rounds, names)
        if key not in self._data:
            if len(self._data) == MOST_DATA:
                self._data.clear()
            self._data[key] = Data(self._meter, nodes=nodes, previous=previous, **self._named(state, names))
        return self._data[key]

    def _named(self, state: RunState, names: frozenset[str]) -> dict[str, Any]:
        """`input` and `run`, as far as they are named."""
        for name in names & {"input", "run"}:
            if name not in self._common:
                self._common[name] = msgspec.json.decode(state.start.input) if name == "input" else self._about(state)
        return {name: self._common[name] for name in names & {"input", "run"}}

    def _about(self, state: RunState) -> dict[str, Any]:
        start = state.start
        return {
            "id": self._run,
            "workflow": start.workflow,
            "session": start.session,
            "tenant": start.tenant,
            "labels": dict(start.labels),
        }


@lru_cache(MOST_LISTS)
def _list(text: str) -> list[Any]:
    items: list[Any] = msgspec.json.decode(text)
    return items


def _there(wanted: frozenset[K], known: dict[K, Any], results: Mapping[K, NodeResult]) -> dict[K, Any]:
    """What is known of nodes that have ended: each its output, or its error."""
    for name in wanted - known.keys():
        result = results.get(name)
        if result is not None and result.output is not None:
            known[name] = {"output": msgspec.json.decode(result.output)}
        elif result is not None and result.error is not None:
            known[name] = {"error": {"code": result.error.code, "message": result.error.message}}
    return {name: known[name] for name in wanted & known.keys()}
