"""Proofs about a workflow's control flow, before any run: what no run can do, and what some run would fail at. Pure.

Conditions are free, so a fault is told when some combination of them, of failures and of nodes' speed leads to it, and
values were found that bear the combination out. Where a search takes too long, nothing is told.

formulas.py    boolean formulas, and the SAT solver that finds examples
conditions.py  conditions as formulas
domains.py     what schemas say of all values, for formulas
schemas.py     what they say of one value
witness.py     values of which conditions hold together
uses.py        what expressions read, and what guards it
flow.py        the graph that the proofs look at
places.py      where expressions stand
world.py       what happens in a run, as formulas
noticing.py    what has() finds of what may still run
examples.py    how a fault comes about
starts.py      unreachable_node, join_never_completes, missing_else
reads.py       maybe_not_run, maybe_left_out
ends.py        dead_end
times.py       timeouts_cannot_hold
"""

from collections.abc import Iterator

from headrace.expression import compile_expression
from headrace.fault import Fault
from headrace.workflow.proof.ends import end_faults
from headrace.workflow.proof.examples import Example, Finding
from headrace.workflow.proof.flow import Compile, Flow
from headrace.workflow.proof.formulas import Formulas, GivenUp
from headrace.workflow.proof.reads import read_faults
from headrace.workflow.proof.starts import else_faults, never_started, start_faults
from headrace.workflow.proof.times import time_faults
from headrace.workflow.proof.world import World
from headrace.workflow.spec import WorkflowSpec

__all__ = ["Example", "Finding", "findings", "flow_faults"]


def flow_faults(spec: WorkflowSpec, compiled: Compile = compile_expression) -> list[Fault]:
    """All faults of a spec's control flow. compiled: how an expression's text is compiled.

    Edges that dangle and expressions that don't compile are left out, and nothing is told of forward edges in a circle:
    the compiler tells that.
    """
    return [finding.fault for finding in findings(spec, compiled)]


def findings(spec: WorkflowSpec, compiled: Compile = compile_expression) -> list[Finding]:
    """All faults of a spec's control flow, each with how it comes about."""
    flow = Flow(spec, compiled)
    return list(_found(flow, Formulas())) if flow.order else []


def _found(flow: Flow, formulas: Formulas) -> Iterator[Finding]:
    try:
        world = World(flow, formulas)
        never = never_started(world)
        for rule in (read_faults, start_faults, else_faults, end_faults, time_faults):
            yield from rule(world, never)
    except GivenUp:  # what was found until now is real all the same
        return
    finally:
        formulas.close()
