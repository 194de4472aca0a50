"""What happens in a run, as formulas over its conditions and failures. Pure.

A node starts when its join says so; it fails or ends well; its edges are taken or not. Conditions are free, failures of
nodes that have edges for errors too. A node without them ends well: else the run ends there, and nothing comes after.
One round stands for all rounds of a loop: what is true in it may be so in each.

When something else hangs, a node starts only if it need not wait for that: `View` has the same formulas for the case
that one node, `slow`, has started and takes as long as everything else. What starts in spite of it may start before it
has ended (joins `any` and `n_of` let it).
"""

from collections import ChainMap, defaultdict
from collections.abc import Collection, Mapping, Sequence

from headrace.expression import Expression
from headrace.expression.tree import Tree
from headrace.workflow.proof.conditions import Conditions, OtherRound
from headrace.workflow.proof.domains import Domain, domain_in
from headrace.workflow.proof.flow import Flow, Way
from headrace.workflow.proof.formulas import Formulas
from headrace.workflow.proof.noticing import because, claim, recall
from headrace.workflow.proof.places import Place, View
from headrace.workflow.proof.uses import Guards, Reading, asked, asks
from headrace.workflow.proof.witness import Witnesses


class World:
    """All formulas of a flow. failures: the variable of each node that may fail and yet lead somewhere.

    witnesses, barred: what no values bear out, and formulas that say so.
    scope: nodes that are looked at; all, but for the round before of a loop, which shares formulas and some failures.
    """

    def __init__(
        self,
        flow: Flow,
        formulas: Formulas | None = None,
        conditions: Conditions | None = None,
        failures: Mapping[str, int] | None = None,
        scope: Collection[str] = (),
    ) -> None:
        self.flow = flow
        self.formulas = formulas or Formulas()
        self.conditions = conditions or Conditions(self.formulas, self.domain)
        self.failures = {
            name: (failures or {}).get(name) or self.formulas.variable()
            for name, ways in flow.ways.items()
            if any(way.spec.on_error for way in ways)
        }
        self.noticed: dict[tuple[str, Place], int] = {}
        self.asked: list[tuple[str, Place]] = []
        self.claimed: defaultdict[Place, list[str]] = defaultdict(list)
        self.claimed_of: defaultdict[str, list[Place]] = defaultdict(list)
        self._views: dict[str, View] = {}
        self._conditions: dict[int, int] = {}
        self._rounds: dict[int, tuple[int, World]] = {}
        self._recalled: set[tuple[int, int]] = set()
        self._inner = scope != ()
        self.tail = ""
        self.witnesses = Witnesses(flow.spec)
        self.barred: list[int] = []
        self.all = View()
        for name in flow.order:
            if name in (scope or flow.graph):
                self._add(self.all, name)
                self._lead_on(self.all, name)
                self._survive(self.all, name)
        self.settle()

    def domain(self, tree: Tree) -> Domain:
        """What is known of a value."""
        return domain_in(self.flow.spec, tree)

    # What happens

    def _add(self, view: View, name: str) -> None:
        """Whether a node starts, and whether that is known."""
        sources, formulas = self.flow.sources[name], self.formulas
        taken = [view.taken[source, name] for source in sources]
        decided = [view.decided[source] for source in sources]
        needed = self.flow.needed(name)
        if not sources:
            view.started[name] = view.decided[name] = formulas.true
            return
        if needed is None:
            view.started[name] = formulas.both(formulas.either(*taken), *decided)
        else:
            view.started[name] = formulas.at_least(needed, taken)
        if view.slow is None:
            view.decided[name] = formulas.true
            return
        can_be = [formulas.either(way, -known) for way, known in zip(taken, decided, strict=True)]
        view.decided[name] = formulas.either(view.started[name], -formulas.at_least(needed or 1, can_be))

    def _lead_on(self, view: View, name: str) -> None:
        """Which targets a node leads to."""
        ways = self.flow.ways[name]
        for target in self.flow.graph[name]:
            those = [self.follows(way, view) for way in ways if way.spec.target == target]
            view.taken[name, target] = self.formulas.either(*those)

    def _survive(self, view: View, name: str) -> None:
        """A failure that leads nowhere ends the run; nothing is said of such runs."""
        if failure := self.failures.get(name):
            ways = [self.follows(way, view) for way in self.flow.ways[name] if way.spec.on_error]
            self.formulas.claim(-view.started[name], -failure, *ways)

    def follows(self, way: Way, view: View) -> int:
        """Whether an edge is taken."""
        beside = [other for other in self.flow.ways[way.spec.source] if other.spec.on_error == way.spec.on_error]
        conditions = [self.condition(other, view) for other in beside if other.spec.when is not None]
        chosen = self.formulas.true
        if way.spec.when is not None:
            chosen = self.condition(way, view)
        elif way.spec.otherwise:
            chosen = -self.formulas.either(*conditions)
        ends = self.ends(way.spec.source, view, failed=way.spec.on_error)
        if view.slow is None:
            return self.formulas.both(ends, chosen)
        return self.formulas.both(ends, chosen, -self._blind(beside, view), self._noticing(beside, view))

    def _noticing(self, ways: Sequence[Way], view: View) -> int:
        """Whether what has() finds where these edges begin is what let their node start."""
        names = {each.node for way in ways if way.when for each in asked(way.when.tree) if each.of == "nodes"}
        first = ways[0].spec
        return because(self, names, Place(first.source, True, first.on_error), view) if names else self.formulas.true

    def _blind(self, ways: Sequence[Way], view: View) -> int:
        """Whether a condition reads what has not ended, so that it fails: then nothing comes after it."""
        blind = []
        for way in ways:
            place = Place(way.spec.source, True, way.spec.on_error)
            for use in way.uses:
                name = use.reading.node
                if view.slow == name or view.slow in self.flow.before.get(name, ()):
                    missing = -view.started[name] if view.slow != name else self.formulas.true
                    there = self.all.started[name]
                    blind.append(self.formulas.both(self.guarded(use.guards, place, view), there, missing))
        return self.formulas.either(*blind)

    def condition(self, way: Way, view: View) -> int:
        """Whether an edge's condition is true, when its node has ended."""
        if way.when is None:  # it does not compile
            return self.formulas.true
        if view.slow is not None and way.asks:
            return self._of_edge(way, way.when, view)
        if way.number not in self._conditions:
            self._conditions[way.number] = self._of_edge(way, way.when, view)
        return self._conditions[way.number]

    def _of_edge(self, way: Way, when: Expression, view: View) -> int:
        return self.formula(when.tree, Place(way.spec.source, True, way.spec.on_error), view)

    def failed(self, name: str) -> int:
        """Whether a node fails, if it starts."""
        return self.failures.get(name, -self.formulas.true)

    def ends(self, name: str, view: View, *, failed: bool = False) -> int:
        """Whether a node starts and ends well, or badly."""
        if name == view.slow:
            return -self.formulas.true
        failure = self.failed(name)
        return self.formulas.both(view.started[name], failure if failed else -failure)

    # What hangs

    def hanging(self, slow: str, until: str) -> View:
        """What happens while a node takes its time, as far as a node after it."""
        if slow not in self._views:
            view = View(slow, {**self.all.started}, {**self.all.decided}, {**self.all.taken})
            view.decided[slow] = -self.formulas.true
            self._lead_on(view, slow)
            self._views[slow] = view
        view = self._views[slow]
        if until not in view.known:
            for name in self.flow.between(slow, until):
                if name not in view.known:
                    view.known.add(name)
                    self._hang(view, name)
        return view

    def _hang(self, view: View, name: str) -> None:
        never = -self.formulas.true
        if self.flow.needed(name) is None and any(view.decided[each] == never for each in self.flow.sources[name]):
            view.started[name] = view.decided[name] = never
            view.taken |= {(name, target): never for target in self.flow.graph[name]}
        else:
            self._add(view, name)
            self._lead_on(view, name)

    # What expressions see

    def reached(self, place: Place, view: View) -> int:
        """Whether a run gets to a place."""
        if place.node is None:
            return self.formulas.true if view.slow is None else -self.formulas.true
        if not place.ended:
            return view.started[place.node]
        return self.ends(place.node, view, failed=place.failed)

    def formula(self, tree: Tree, place: Place, view: View) -> int:
        """A condition, as it is seen at a place."""
        return self.conditions.of(tree, lambda part: self._asked(part, place, view))

    def guarded(self, guards: Guards, place: Place, view: View) -> int:
        """Whether guards let an expression go on."""
        parts = (self.formula(tree, place, view) for tree, _ in guards)
        return self.formulas.both(*(part if wanted else -part for part, (_, wanted) in zip(parts, guards, strict=True)))

    def _asked(self, tree: Tree, place: Place, view: View) -> int | None:
        reading = asks(tree)
        if reading is None or reading.of == "input" or reading.node not in self.flow.before:
            return None
        if reading.of == "previous":
            return self.remembered(reading, place)
        there = self.notices(reading.node, place, view)
        if not reading.part:
            return there
        failure = self.failed(reading.node)
        return self.formulas.both(there, failure if reading.part == "error" else -failure)

    def notices(self, name: str, place: Place, view: View) -> int:
        """Whether a node has ended, well or badly, when a run gets to a place."""
        if place.node is None or (place.ended and place.node == name):
            return self.all.started[name]
        if name not in self.flow.before[place.node] or name == view.slow:
            return -self.formulas.true
        if (name, place) not in self.noticed:
            self.noticed[name, place] = self.formulas.variable()
            self.asked.append((name, place))
        there = self.noticed[name, place]
        if view.slow is None or view.slow not in self.flow.before[name]:
            return there
        return self.formulas.both(there, view.started[name])

    def settle(self) -> None:
        """Claim of all that has() asks for when it can be noticed, and when it must be."""
        for _, before in self._rounds.values():
            before.settle()
        while self.asked:
            claim(self, *self.asked.pop())
        for loop, (later, before) in self._rounds.items():
            recall(self, before, later, self.flow.loops[loop], self._recalled)

    # The round before

    @property
    def facts(self) -> dict[int, str]:
        """What each variable says, in CEL; what it says of the round before, of `previous`."""
        before = (each.conditions.facts for _, each in self._rounds.values())
        return dict(ChainMap(self.conditions.facts, *before))

    @property
    def failing(self) -> dict[str, int]:
        """The variables of failures by node; those of the round before by `previous.<node>`."""
        before = (each.failures for _, each in self._rounds.values())
        earlier = {f"previous.{name}": each for failures in before for name, each in failures.items()}
        return {**self.failures, **{name: each for name, each in earlier.items() if each not in self.failures.values()}}

    def remembered(self, reading: Reading, place: Place) -> int | None:
        """Whether something was there in the round before; None where no loop repeats it and the place."""
        around = [each for each, body in self.flow.loops.items() if reading.node in body and place.node in body]
        if not around or self._inner:
            return None
        later, before = self._round(min(around, key=lambda each: len(self.flow.loops[each])))
        at = Place(before.tail, True)
        there = self.formulas.both(later, before.notices(reading.node, at, before.all))
        if not reading.part:
            return there
        failure = before.failed(reading.node)
        return self.formulas.both(there, failure if reading.part == "error" else -failure)

    def _round(self, loop: int) -> "tuple[int, World]":
        """Whether this is not the first round, and what happened in the one before."""
        if loop not in self._rounds:
            flow = self.flow
            way = next(way for way in flow.back if way.number == loop)
            body = frozenset(flow.loops[loop])
            conditions = OtherRound(self.conditions, self.formulas, self.domain, body)
            failures = {name: each for name, each in self.failures.items() if name not in body}
            tail = way.spec.source
            before = World(flow, self.formulas, conditions, failures, flow.before[tail] | {tail})
            before.tail = tail
            later = self.formulas.variable()
            self.conditions.facts[later] = f"has(previous.{tail})"
            again = before.condition(way, before.all) if way.spec.when is not None else self.formulas.true
            self.formulas.claim(-later, self.formulas.both(before.ends(tail, before.all), again))
            if way.spec.max_iterations == 1:
                self.formulas.claim(-later)
            before.settle()
            self._rounds[loop] = later, before
        return self._rounds[loop]
