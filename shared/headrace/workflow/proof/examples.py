"""How something comes about: which conditions hold, what fails and what is slow. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.fault import Fault
from headrace.workflow.proof.places import Place, View
from headrace.workflow.proof.world import World

MOST_REFUTED = 30
"""Examples that turn out to be none, before the search for one is given up."""


@dataclass(frozen=True, slots=True)
class Example:
    """What is enough for a fault to show, whatever else is.

    facts: conditions in CEL, and whether they hold. failing: nodes that fail, and those that must not. noticed: nodes
    that have, or have not, ended when something asks for them. slow: a node that ends after all others. asked: those of
    noticed, with the places that ask.
    """

    facts: Mapping[str, bool] = field(default_factory=dict)
    failing: Mapping[str, bool] = field(default_factory=dict)
    noticed: Mapping[str, bool] = field(default_factory=dict)
    slow: str | None = None
    asked: frozenset[tuple[str, Place]] = frozenset()

    def __str__(self) -> str:
        """What must be so, as the beginning of a sentence."""
        parts = [f"`{fact}` is {str(holds).lower()}" for fact, holds in self.facts.items()]
        parts += [f"{name} {'fails' if fails else 'ends well'}" for name, fails in self.failing.items()]
        parts += [f"{name} has {'' if there else 'not '}ended by then" for name, there in self.noticed.items()]
        parts += [f"{self.slow} takes longer than the rest"] if self.slow else []
        return f"if {' and '.join(parts)}, " if parts else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and how it comes about; None where nothing has to come together."""

    fault: Fault
    example: Example | None = None


def example_of(world: World, formula: int, view: View) -> Example | None:
    """How a formula can be true, with as little as is needed for it; None if it can't be, or nobody knows.

    An example that no values bear out is none: its conditions can't be so together, and the next one is looked for.
    """
    world.settle()
    for _ in range(MOST_REFUTED):
        found = world.formulas.example(formula, *world.barred)
        if found is None:
            return None
        literals = [each if found.get(each) else -each for each in sorted(world.formulas.variables(formula))]
        reasons = {abs(literal): literal > 0 for literal in world.formulas.reasons(formula, literals)}
        facts = {each: fact for each, fact in world.facts.items() if each in reasons}
        refuted = world.witnesses.refuted({fact: reasons[each] for each, fact in facts.items()})
        if not refuted:
            return _example(world, reasons, view)
        together = (each if reasons[each] else -each for each, fact in facts.items() if fact in refuted)
        world.barred.append(-world.formulas.both(*together))
    return None


def _example(world: World, reasons: Mapping[int, bool], view: View) -> Example:
    facts = world.facts
    return Example(
        {facts[each]: holds for each, holds in reasons.items() if each in facts},
        {name: reasons[each] for name, each in world.failing.items() if each in reasons},
        {name: reasons[each] for (name, _), each in world.noticed.items() if each in reasons},
        view.slow,
        frozenset(asked for asked, each in world.noticed.items() if each in reasons),
    )
