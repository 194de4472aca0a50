"""Expressions that read a node which may not have run, or not ended, by then; or what a caller may leave out. Pure."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from headrace.expression.tree import Member, Name
from headrace.fault import Fault
from headrace.workflow.proof.examples import Example, Finding, example_of
from headrace.workflow.proof.flow import Text
from headrace.workflow.proof.noticing import because
from headrace.workflow.proof.places import END, Place, View
from headrace.workflow.proof.schemas import left_out
from headrace.workflow.proof.uses import Reading, Use, asked, uses
from headrace.workflow.proof.world import World

CODE, OF_INPUT = "maybe_not_run", "maybe_left_out"
ONLY = "finds only"
MOST = 100
"""Faults that are told of one workflow; an example for each takes a few ms to find."""


class Case(NamedTuple):
    """A way for something not to be there: its formula, in which view, and what happens, for people."""

    formula: int
    view: View
    told: str


def read_faults(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """Readings that may fail, each once for an expression; of the input, once. Nodes that never start are left out."""
    yield from islice(_readings(world, never), MOST)


def _readings(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """In order; after a condition that fails, a run goes on nowhere: nothing more is said of such runs.

    The edge that leads back is asked before the others of its node, but not in the last round. What it reads of a node
    that the loop does not repeat has failed in the first one.
    """
    of_input: set[Reading] = set()
    failing: list[int] = []
    before_others: list[int] = []
    at: str | None = None
    for text, place in _texts(world):
        if place.node in never:
            continue
        if place.node != at:
            at = place.node
            while failing:
                world.formulas.claim(-failing.pop())
        told = {*of_input}
        for use in uses(text.expression.tree):
            cases = _cases(world, place, use)
            finding = _finding(world, text, place, use, cases)
            if finding and place.ended:
                body = world.flow.loops.get(text.number, world.flow.graph)
                failed = failing if use.reading.node in body else before_others
                failed += [case.formula for case in cases if case.view is world.all]
            if finding and use.reading not in told:
                told.add(use.reading)
                of_input |= {each for each in told if each.of == "input"}
                yield finding
        while before_others:
            world.formulas.claim(-before_others.pop())


def _texts(world: World) -> Iterator[tuple[Text, Place]]:
    """Every expression, and where it stands."""
    flow = world.flow
    for name in flow.order:
        for text in flow.inputs(name):
            yield text, Place(name)
        back = (way for way in flow.back if way.spec.source == name and way.spec.max_iterations != 1)
        for way in (*back, *flow.ways[name]):
            if way.when is not None:
                text = Text(("edges", way.number, "when"), way.when, way.number)
                yield text, Place(name, True, way.spec.on_error)
    for text in flow.output():
        yield text, END


def _cases(world: World, place: Place, use: Use) -> list[Case]:
    """All ways for something not to be there that its guards let through."""
    cases = _CASES[use.reading.of](world, place, use)
    return [case._replace(formula=_guarded(world, place, use, case)) for case in cases]


def _finding(world: World, text: Text, place: Place, use: Use, cases: Sequence[Case]) -> Finding | None:
    world.settle()
    if not world.formulas.possible(world.formulas.either(*(case.formula for case in cases))):
        return None
    for case in cases:
        if (example := _example(world, case)) is not None:
            return Finding(_fault(text, place, use.reading, case, example), example)
    return None


def _example(world: World, case: Case) -> Example | None:
    """How a case comes about, with joins that were completed by what is noticed where somebody asks."""
    formula, known = case.formula, set[tuple[str, Place]]()
    while (example := example_of(world, formula, case.view)) is not None and example.asked - known:
        joins = (because(world, {name}, place, case.view) for name, place in sorted(example.asked - known))
        formula = world.formulas.both(formula, *joins)
        known |= example.asked
    return example


def _guarded(world: World, place: Place, use: Use, case: Case) -> int:
    """A case that the guards let through."""
    guards = world.guarded(use.guards, place, case.view)
    names = {each.node for tree, _ in use.guards for each in asked(tree) if each.of == "nodes"}
    if not names:
        return world.formulas.both(case.formula, guards)
    return world.formulas.both(case.formula, guards, because(world, {*names, use.reading.node}, place, case.view))


def _fault(text: Text, place: Place, reading: Reading, case: Case, example: Example) -> Fault:
    why = f"the expression fails, and with it {_where(place)}"
    message = f"{reading} may not be there: {example}{case.told}; {why}"
    code = OF_INPUT if reading.of == "input" else CODE
    return Fault(code, text.path, message, _hint(reading, place, case))


def _where(place: Place) -> str:
    return "the run" if place.node is None else place.node


def _hint(reading: Reading, place: Place, case: Case) -> str:
    if reading.of == "input":
        guard = f'write "has({reading}) ? {reading} : …"'
        return f"put {reading.node} under `required` in the workflow's `input`, give it a `default` there, or {guard}"
    node = f"{reading.of}.{reading.node}"
    asks = f"has({node})" if not reading.part else f"has({node}) && has({reading})"
    if reading.part and ONLY not in case.told and reading.part != "error":
        asks = f"has({node})"
    guard = f'write "{asks} ? {reading}… : …"'
    return f"{guard}, or let {place.node} wait for {reading.node}" if case.view.slow else guard


def _of_nodes(world: World, place: Place, use: Use) -> Iterator[Case]:
    """It was skipped, or ended otherwise, or has not ended yet."""
    part, name = use.reading.part, use.reading.node
    own = place.ended and place.node == name
    if name not in world.flow.before or (place.node is not None and not own and not _leads(world, name, place.node)):
        return
    reached, started = world.reached(place, world.all), world.all.started[name]
    goes_on = _where_to(place)
    yield Case(world.formulas.both(reached, -started), world.all, f"{name} does not run, and {goes_on}")
    if part:
        failed = world.failed(name)
        otherwise, other = (failed, "error") if part == "output" else (-failed, "output")
        told = f"{goes_on} and {ONLY} nodes.{name}.{other}"
        yield Case(world.formulas.both(reached, started, otherwise), world.all, told)
    if place.node is not None and not own:
        view = world.hanging(name, place.node)
        told = f"{goes_on} before {name} has ended"
        yield Case(world.formulas.both(world.reached(place, view), started), view, told)


def _leads(world: World, name: str, other: str) -> bool:
    return name in world.flow.before[other]


def _where_to(place: Place) -> str:
    if place.node is None:
        return "the run ends"
    if not place.ended:
        return f"{place.node} begins"
    return f"{place.node} {'fails' if place.failed else 'ends'}"


def _of_previous(world: World, place: Place, use: Use) -> Iterator[Case]:
    """In the first round there is none before; later, it may have been skipped then, or have failed."""
    reading = use.reading
    there = world.remembered(reading, place)
    if there is None:
        return
    missing = world.formulas.both(world.reached(place, world.all), -there)
    yield Case(missing, world.all, f"{_where_to(place)} and there is nothing of a round before")


def _of_input(world: World, place: Place, use: Use) -> Iterator[Case]:
    """A property that the input's schema names, and that callers may leave out."""
    name = use.reading.node
    if name in left_out(world.flow.spec.input):
        there = world.formula(Member(Name("input"), name, test=True), place, world.all)
        yield Case(world.formulas.both(world.reached(place, world.all), -there), world.all, _where_to(place))


_CASES = {"nodes": _of_nodes, "previous": _of_previous, "input": _of_input}
