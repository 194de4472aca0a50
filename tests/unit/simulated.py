"""Runs of a workflow's control flow by the words of the semantics, without the engine: what the proofs are held to.

Nodes that run end one after the other, in the order of their `pace`. What an expression is evaluated on is real.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.expression import Data, ExpressionError, compile_expression
from headrace.workflow.loops import loops_in
from headrace.workflow.spec import EdgeSpec, Quorum, WorkflowSpec

Problem = tuple[str, tuple[str | int, ...]]
"""A fault's code and path."""


@dataclass
class Chances:
    """What a run meets. outputs: of a node, in a round. failing: nodes that fail. pace: who is slow ends late.

    code: of a node's failure. late: nodes whose input is looked at only when they are about to end, as it is when they
    are tried again, or were held while the workflow was paused.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    outputs: Callable[[str, int], Any] = lambda _name, _round: {}
    failing: frozenset[str] = frozenset()
    pace: Mapping[str, int] = field(default_factory=dict)
    code: Callable[[str], str] = lambda _name: "broken"
    late: frozenset[str] = frozenset()


class Simulation:
    """One run. started: nodes in the order in which they started, once for each round. problems: what went wrong."""

    def __init__(self, spec: WorkflowSpec, chances: Chances) -> None:
        self.started: list[str] = []
        self.problems: list[Problem] = []
        self.failed = False
        self._spec = spec
        self._chances = chances
        self._running: list[str] = []
        self._taken: dict[str, set[str]] = {}
        self._seen: dict[str, Any] = {}
        self._before: dict[int, dict[str, Any]] = {}
        self._loops = sorted(loops_in(spec).items(), key=lambda loop: len(loop[1]))
        self._rounds: dict[int, int] = {}
        self._forward = [(index, edge) for index, edge in enumerate(spec.edges) if edge.max_iterations is None]
        self._back = [(index, edge) for index, edge in enumerate(spec.edges) if edge.max_iterations is not None]

    def run(self) -> "Simulation":
        """Go on until nothing runs any more; then look at the output."""
        while not self.failed:
            self._settle()
            if not self._running:
                break
            self._end(min(self._running, key=lambda name: self._chances.pace.get(name, 0)))
        if not self.failed:
            for name, text in self._spec.output.items():
                self._value(("output", name), text)
        return self

    def _settle(self) -> None:
        """Start and skip nodes, as long as there are any to start or skip."""
        open_ends = True
        while open_ends:
            open_ends = False
            for name in self._spec.nodes:
                if name not in self._taken and name not in self._running and (what := self._decided(name)) is not None:
                    open_ends = True
                    if what:
                        self._start(name)
                    else:
                        self._taken[name] = set()

    def _decided(self, name: str) -> bool | None:
        """Whether a node starts (true) or is skipped (false), if that is known."""
        sources = {edge.source for _, edge in self._forward if edge.target == name}
        if not sources:
            return True
        ended = {source for source in sources if source in self._taken}
        count = sum(name in self._taken[source] for source in ended)
        join = self._spec.nodes[name].join
        if join == "all":
            return count > 0 if ended == sources else None
        needed = join.n_of if isinstance(join, Quorum) else 1
        if count >= needed:
            return True
        return False if count + len(sources - ended) < needed else None

    def _start(self, name: str) -> None:
        self.started.append(name)
        self._running.append(name)
        if name not in self._chances.late:
            self._bind(name)

    def _bind(self, name: str) -> None:
        for key, text in self._spec.nodes[name].input.items():
            self._value(("nodes", name, "input", key), text)

    def _end(self, name: str) -> None:
        self._running.remove(name)
        if name in self._chances.late:
            self._bind(name)
        ways = [(index, edge) for index, edge in self._forward if edge.source == name]
        rescue = [(index, edge) for index, edge in ways if edge.on_error]
        if name in self._chances.failing and rescue:
            self._seen[name] = {"error": {"code": self._chances.code(name), "message": "it broke"}}
            self._taken[name] = self._follow(rescue)
            self.failed = self.failed or not self._taken[name]
            return
        self._seen[name] = {"output": self._chances.outputs(name, self.started.count(name))}
        for index, edge in self._back:
            if edge.source == name and self._goes_round(index, edge):
                self._repeat(index, edge)
                return
            if self.failed:
                return
        usual = [(index, edge) for index, edge in ways if not edge.on_error]
        self._taken[name] = self._follow(usual)
        if usual and not self.failed and not self._taken[name]:
            self.problems.append(("missing_else", ("edges", usual[0][0])))

    def _follow(self, ways: list[tuple[int, EdgeSpec]]) -> set[str]:
        true = {edge.target for index, edge in ways if edge.when and self._value(("edges", index, "when"), edge.when)}
        always = {edge.target for _, edge in ways if not edge.when and not edge.otherwise}
        return true | always | {edge.target for _, edge in ways if edge.otherwise and not true}

    def _goes_round(self, index: int, edge: EdgeSpec) -> bool:
        if self._rounds.get(index, 0) + 1 >= (edge.max_iterations or 1):
            self._rounds[index] = 0
            return False
        if edge.when is not None and not self._value(("edges", index, "when"), edge.when):
            self._rounds[index] = 0
            return False
        self._rounds[index] = self._rounds.get(index, 0) + 1
        return True

    def _repeat(self, index: int, edge: EdgeSpec) -> None:
        body = (self._after(edge.target) | {edge.target}) & (self._until(edge.source) | {edge.source})
        for other, around in self._loops:
            if set(around) <= body:
                self._before.pop(other, None)
        self._before[index] = {name: self._seen[name] for name in body if name in self._seen}
        for name in body:
            self._seen.pop(name, None)
            self._taken.pop(name, None)
        self._running = [name for name in self._running if name not in body]
        self._start(edge.target)

    def _after(self, name: str) -> set[str]:
        targets = {edge.target for _, edge in self._forward if edge.source == name}
        return targets.union(*(self._after(target) for target in targets))

    def _until(self, name: str) -> set[str]:
        sources = {edge.source for _, edge in self._forward if edge.target == name}
        return sources.union(*(self._until(source) for source in sources))

    def _remembered(self, path: tuple[str | int, ...]) -> dict[str, Any]:
        """What an expression sees of rounds before: of each node, the one before in the smallest loop around both."""
        place = path[1] if path[0] == "nodes" else self._spec.edges[int(path[1])].source if path[0] == "edges" else None
        before: dict[str, Any] = {}
        for index, body in reversed(self._loops):
            if place in body:
                before = {name: value for name, value in before.items() if name not in body}
                before |= self._before.get(index, {})
        return before

    def _value(self, path: tuple[str | int, ...], text: str) -> Any:
        data = {"nodes": self._seen, "previous": self._remembered(path)}
        for code, given in (("", self._chances.given), ("maybe_left_out", {"c": True, **self._chances.given})):
            try:
                value = compile_expression(text).evaluate(Data(input=given, **data))
            except ExpressionError:
                continue
            if not code:
                return value
            self._fail(code, path)
            return False
        self._fail("maybe_not_run", path)
        return False

    def _fail(self, code: str, path: tuple[str | int, ...]) -> None:
        self.problems.append((code, path))
        self.failed = self.failed or path[0] == "edges"
