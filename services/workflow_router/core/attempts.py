"""Attempts begin: work is handed to workers and to other workflows; what waits begins to wait."""

from typing import Any

from headrace.events import run
from headrace.expression import ExpressionError
from workflow_router.core.endings import end_badly
from workflow_router.core.kinds import Unfit, kind_of
from workflow_router.core.progress import Progress
from workflow_router.model import base, index_of, too_large

MOST_INPUTS = 8_388_608
"""Characters of all inputs that one decision may hand to workers: they travel in one transaction."""


def schedule(progress: Progress, name: str, attempt: int) -> None:
    """Start an attempt of a node or of an instance; it waits if all has to: see Progress."""
    if progress.holds:
        hold(progress, name, attempt)
        return
    here = progress.node(name)
    try:
        bound = progress.values.input(progress.state, here, _item(progress, name))
    except ExpressionError as error:
        end_badly(progress, name, "expression_failed", f"node {name}, input: {error}", begun=False)
        return
    if reason := _too_much(progress, name, bound):
        end_badly(progress, name, "input_too_large", reason, begun=False)
        return
    kind = kind_of(here)
    try:
        deadline = progress.now + kind.patience_ms(here, bound)
    except Unfit as error:
        end_badly(progress, name, "input_invalid", f"node {name}, input {error}", begun=False)
        return
    iteration, at = progress.iteration(here), progress.place()
    scheduled = run.NodeScheduled(
        **at, node=name, iteration=iteration, attempt=attempt, type=here.spec.type, input=bound, deadline=deadline
    )
    progress.emit(scheduled)
    kind.begun(progress, here)


def hold(progress: Progress, name: str, attempt: int) -> None:
    """Let a node wait: until its workflow is resumed, or the next decision."""
    iteration = progress.iteration(progress.node(name))
    progress.emit(run.NodeHeld(**progress.place(), node=name, iteration=iteration, attempt=attempt))


def _item(progress: Progress, name: str) -> dict[str, Any]:
    """What an instance's bindings see beside the rest."""
    index = index_of(name)
    if index is None:
        return {}
    return {"item": progress.values.items(progress.state, base(name))[index], "index": index}


def _too_much(progress: Progress, name: str, bound: str) -> str:
    if reason := too_large(bound):
        return f"node {name}: the input has {reason}"
    progress.handed += len(bound)
    if progress.handed > MOST_INPUTS:
        return f"the inputs of the nodes that start with {name} have more than {MOST_INPUTS} characters in all"
    return ""
