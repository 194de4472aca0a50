"""Which nodes run, end well, fail, and are decided before which others: as formulas, for every run at once.

A loop counts as one round, its edge back left out: what holds for any round holds for each. A failure without an edge
for errors that is taken ends the run, so nothing has to hold after it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.expression.tree import Member, Name, Tree
from headrace.workflow.graph import in_order
from headrace.workflow.model import CompiledWorkflow, Edge, Node
from headrace.workflow.proof.conditions import Conditions
from headrace.workflow.proof.formulas import Example, Formulas, holds


@dataclass(frozen=True, slots=True)
class Reference:
    """A mention of a node in an expression, or of what it led to: `has` when it is only asked for."""

    variable: str
    node: str
    field: str
    has: bool


def reference(tree: Tree) -> Reference | None:
    """The mention that a tree is, with what lies inside of an output left out."""
    match tree:
        case Member(Name(("nodes" | "previous") as variable), node, test):
            return Reference(variable, node, "", test)
        case Member(Member(Name(("nodes" | "previous") as variable), node), field, test):
            return Reference(variable, node, field, test)
    return None


class Flow:
    """Formulas for each node of a workflow.

    runs: it starts. fails: it fails in the end, which only a node with an edge for errors survives. taken: by the two
    ends of an edge and whether it is one for errors. before: for each node those that are decided when it starts.
    """

    def __init__(self, workflow: CompiledWorkflow, formulas: Formulas) -> None:
        self.workflow = workflow
        self.formulas = formulas
        self.conditions = Conditions(formulas, workflow.spec.input)
        self.runs: dict[str, int] = {}
        self.fails: dict[str, int] = {}
        self.taken: dict[tuple[str, str, bool], int] = {}
        self.before: dict[str, frozenset[str]] = {}
        self._guesses: dict[tuple[str, Reference], int] = {}
        self._late_for: dict[str, dict[str, int]] = {}
        self.order = in_order({name: [edge.target for edge in node.edges] for name, node in workflow.nodes.items()})
        for name in self.order:
            self._add(workflow.nodes[name])

    def ends_well(self, name: str) -> int:
        """The node runs and does not fail."""
        return self.formulas.both(self.runs[name], -self.fails[name])

    def leaf(self, place: str, decided: frozenset[str]) -> Callable[[Tree], int | None]:
        """What has(nodes.x) stands for at a place, where these nodes are decided."""

        def stands(tree: Tree) -> int | None:
            found = reference(tree)
            return self.there(place, decided, found) if found and found.has else None

        return stands

    def there(self, place: str, decided: frozenset[str], what: Reference) -> int:
        """What is mentioned is there, at a place where these nodes are decided."""
        if what.variable == "nodes" and what.node in decided:
            return self._led(what.node, what.field)
        kept = self.workflow.nodes.get(what.node)
        field = what.field if kept and self._may_fail(kept) else ""
        return self._guess(place, Reference(what.variable, what.node, field, True))

    def _guess(self, place: str, what: Reference) -> int:
        """Whether something is there is open; if it is, its node has run."""
        if (place, what) not in self._guesses:
            guess = self._guesses[place, what] = self.formulas.variable()
            field = f".{what.field}" if what.field else ""
            self.conditions.facts[guess] = f"has({what.variable}.{what.node}{field})"
            if what.variable == "nodes" and what.node in self.runs:
                led = self._led(what.node, what.field)
                self.formulas.claim(-guess, led)
                self.formulas.claim(-led, self._late(what.node)[place], guess)
            if what.field:
                self.formulas.claim(-guess, self._guess(place, Reference(what.variable, what.node, "", True)))
        return self._guesses[place, what]

    def _late(self, name: str) -> Mapping[str, int]:
        """For each node: another one may still be under way when it starts or is ruled out."""
        if name not in self._late_for:
            late = self._late_for[name] = {}
            for place in self.order:
                late[place] = -self.formulas.true if place == name else self._later(self.workflow.nodes[place], late)
        return self._late_for[name]

    def _later(self, node: Node, late: Mapping[str, int]) -> int:
        waits = self.formulas.both(*(late[source] for source in node.sources))
        if node.needed is None or not node.sources:
            return waits
        first = [self.formulas.both(self._from(source, node.id), late[source]) for source in node.sources]
        return self.formulas.either(
            self.formulas.both(self.runs[node.id], self.formulas.at_least(node.needed, first)),
            self.formulas.both(-self.runs[node.id], waits),
        )

    def _led(self, name: str, field: str) -> int:
        match field:
            case "output":
                return self.ends_well(name)
            case "error":
                return self.formulas.both(self.runs[name], self.fails[name])
        return self.runs[name]

    @staticmethod
    def _may_fail(node: Node) -> bool:
        return any(edge.on_error for edge in node.edges)

    def _add(self, node: Node) -> None:
        name = node.id
        sources = {source: self._from(source, name) for source in node.sources}
        self.before[name] = self._decided(node)
        needed = node.needed or 1
        self.runs[name] = self.formulas.at_least(needed, [*sources.values()]) if sources else self.formulas.true
        self.fails[name] = -self.formulas.true
        if self._may_fail(node):
            self.fails[name] = self.formulas.variable()
            self.conditions.facts[self.fails[name]] = f"{name} fails"
        for on_error in (False, True):
            edges = [edge for edge in node.edges if edge.on_error == on_error]
            begun = self.formulas.both(self.runs[name], self.fails[name] if on_error else -self.fails[name])
            self._take(name, edges, begun)
            if on_error and edges:  # else the run has ended
                self.formulas.claim(-begun, *(self.taken[name, edge.target, True] for edge in edges))

    def _from(self, source: str, target: str) -> int:
        edges = (self.taken.get((source, target, on_error)) for on_error in (False, True))
        return self.formulas.either(*(edge for edge in edges if edge is not None))

    def _take(self, source: str, edges: list[Edge], begun: int) -> None:
        leaf = self.leaf(source, self.before[source] | {source})
        when = {edge.target: self.conditions.formula(edge.when, leaf) for edge in edges if edge.when}
        otherwise = -self.formulas.either(*when.values())
        for edge in edges:
            chosen = otherwise if edge.otherwise else when.get(edge.target, self.formulas.true)
            self.taken[source, edge.target, edge.on_error] = self.formulas.both(begun, chosen)

    def _decided(self, node: Node) -> frozenset[str]:
        """Nodes that have ended or were ruled out, whichever of the incoming edges were taken first."""
        known = [self.before[source] | {source} for source in node.sources]
        enough = 1 if node.needed is None else len(known) - node.needed + 1
        counted = Counter(name for names in known for name in names)
        return frozenset(name for name, times in counted.items() if times >= enough)


def facts(flow: Flow, example: Example) -> Mapping[str, bool]:
    """What is true and what is not in an example, in CEL."""
    return {text: holds(example, variable) for variable, text in flow.conditions.facts.items()}
