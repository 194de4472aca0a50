"""Why each edge of a workflow was or was not taken, from what its condition saw. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.events import run
from headrace.expression import Data, Expression, ExpressionError, compile_expression
from headrace.expression.shown import shown
from headrace.expression.tree import paths
from headrace.workflow.loops import loops_in
from headrace.workflow.spec import EdgeSpec, WorkflowSpec

LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of an edge when its source had ended. edge: its place among the workflow's edges."""

    edge: int
    source: str
    target: str
    taken: bool
    why: str


class Reasons:
    """Follows what conditions see, and says why edges are taken."""

    def __init__(self, run_id: str, spec: WorkflowSpec | None) -> None:
        self._run_id = run_id
        self._edges = list(enumerate(spec.edges)) if spec else []
        self._common: dict[str, Any] = {}
        self._nodes: dict[str, Any] = {}
        loops = loops_in(spec) if spec else {}
        self._loops = sorted(((self._edges[index][1].source, body) for index, body in loops.items()), key=_size)
        self._previous: dict[tuple[str, str], Any] = {}
        self._rounds: dict[str, int] = {}

    def start(self, event: run.RunStarted) -> None:
        """Remember what a run started with."""
        about = {name: getattr(event, name) for name in ("workflow", "session", "tenant")}
        self._common = {"input": json.loads(event.input), "run": {"id": self._run_id, **about, "labels": event.labels}}

    def succeeded(self, event: run.NodeSucceeded) -> None:
        """Remember an output."""
        self._nodes[event.node] = {"output": json.loads(event.output)}

    def failed(self, event: run.NodeFailed) -> None:
        """Remember an error."""
        self._nodes[event.node] = {"error": {"code": event.code, "message": event.message}}

    def skipped(self, node: str) -> None:
        """Forget what a node led to before."""
        self._nodes.pop(node, None)

    def repeat(self, event: run.LoopRepeated) -> None:
        """Begin the next round: what the body led to is only seen as `previous`, and loops inside of it begin anew."""
        self._previous = {place: value for place, value in self._previous.items() if place[0] not in event.body}
        for name in event.body:
            before = self._nodes.pop(name, None)
            self._rounds.pop(name, None)
            if before is not None and name in event.kept:
                self._previous[event.node, name] = before
        self._rounds[event.node] = event.round

    def after_success(self, event: run.NodeSucceeded, repeated: run.LoopRepeated | None) -> tuple[Choice, ...]:
        """What became of the edges of a node that succeeded."""

        def decide(edge: EdgeSpec) -> tuple[bool, str]:
            if edge.max_iterations is not None:
                return self._back(edge, edge.max_iterations, repeated)
            if edge.on_error:
                return False, f"{event.node} did not fail"
            if repeated:
                return False, f"the loop goes round again, back to {repeated.head}"
            return self._plain(edge, edge.target in event.taken)

        return self._choices(event.node, decide)

    def after_failure(self, event: run.NodeFailed) -> tuple[Choice, ...]:
        """What became of the edges of a node that failed in the end."""

        def decide(edge: EdgeSpec) -> tuple[bool, str]:
            if not edge.on_error:
                return False, f"{event.node} failed: {event.code}"
            taken, why = self._plain(edge, edge.target in event.taken)
            return taken, f"{event.node} failed: {event.code}" if taken and edge.when is None else why

        return self._choices(event.node, decide)

    def after_skip(self, event: run.NodeSkipped) -> tuple[Choice, ...]:
        """What became of the edges of a node that was skipped: none is taken."""
        return self._choices(event.node, lambda _: (False, f"{event.node} was skipped"))

    def _choices(self, source: str, decide: Callable[[EdgeSpec], tuple[bool, str]]) -> tuple[Choice, ...]:
        own = [(index, edge) for index, edge in self._edges if edge.source == source]
        return tuple(Choice(index, source, edge.target, *decide(edge)) for index, edge in own)

    def _plain(self, edge: EdgeSpec, taken: bool) -> tuple[bool, str]:
        if edge.otherwise:
            return taken, "no condition beside it is true" if taken else "a condition beside it is true"
        if edge.when is None:
            return taken, "it has no condition" if taken else "the log does not say that it was taken"
        return taken, self._seen(edge.source, edge.when)

    def _back(self, edge: EdgeSpec, most: int, repeated: run.LoopRepeated | None) -> tuple[bool, str]:
        """An edge that leads back is asked before all others, and not at all when its rounds are over."""
        done = self._rounds.get(edge.source, 0) + 1
        condition = f"{self._seen(edge.source, edge.when)}; " if edge.when else ""
        if repeated:
            return True, f"{condition}round {done + 1} of at most {most} begins"
        if done >= most:
            return False, f"{condition}max_iterations is reached: round {done} of at most {most} is over"
        return False, f"{condition}round {done} of at most {most} was the last"

    def _seen(self, source: str, text: str) -> str:
        """What a condition is, and over which values."""
        try:
            expression = compile_expression(text)
            value = _json(expression.evaluate(self._data(source, expression)))
        except ExpressionError as error:
            return f"it can't be told again: {error}"
        values = "; ".join(self._values(source, expression))
        return f"`{text}` is {value}{f': {values}' if values else ''}"

    def _values(self, source: str, expression: Expression) -> Iterator[str]:
        for name in dict.fromkeys(map(shown, paths(expression.tree, expression.names))):
            try:
                reference = compile_expression(name)
                yield f"{name} is {shortened(_json(reference.evaluate(self._data(source, reference))))}"
            except ExpressionError:
                yield f"{name} is absent"

    def _data(self, source: str, expression: Expression) -> Data:
        previous = {name: self._previous.get((self._loop(source, name), name)) for name in expression.previous}
        there = {name: value for name, value in previous.items() if value is not None}
        known: Mapping[str, Any] = {**self._common, "nodes": self._nodes, "previous": there}
        return Data(**{name: known[name] for name in expression.names if name in known})

    def _loop(self, source: str, name: str) -> str:
        """The tail of the smallest loop that repeats both."""
        return next((tail for tail, body in self._loops if source in body and name in body), "")


def _size(loop: tuple[str, tuple[str, ...]]) -> int:
    return len(loop[1])


def shortened(text: str, most: int = LONGEST_VALUE) -> str:
    """At most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
