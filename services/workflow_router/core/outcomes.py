"""What workers and other runs say of the attempts that they were given."""

from typing import Any

from headrace.events import node
from headrace.nodes import NODE_TYPES
from headrace.topics import RUN_CHILDREN
from workflow_router.core.endings import end_badly, end_well
from workflow_router.core.nonsense import nonsense
from workflow_router.core.progress import Progress
from workflow_router.model import SMALL, parse, too_large


def succeeded(progress: Progress, outcome: node.NodeSucceeded) -> None:
    """A good outcome, unless it is late or a repetition."""
    if not _expected(progress, outcome):
        return
    name = outcome.node
    paid: dict[str, Any] = {"usage": outcome.usage, "calls": outcome.calls}
    if reason := nonsense(outcome):
        end_badly(progress, name, "outcome_invalid", f"the worker's outcome {reason}")
        return
    if reason := too_large(outcome.output):
        end_badly(progress, name, "output_too_large", f"the output has {reason}", **paid)
        return
    try:
        value = parse(outcome.output)
    except ValueError as error:
        end_badly(progress, name, "output_invalid", f"the output is {error}", **paid)
        return
    if reason := progress.node(name).output_fault(value, first_only=len(outcome.output) > SMALL):
        end_badly(progress, name, "output_invalid", f"the output does not fit the node's schema: {reason}", **paid)
        return
    times = {"started_at": outcome.started_at, "finished_at": outcome.finished_at}
    end_well(progress, name, outcome.output, value, **paid, **times)


def failed(progress: Progress, outcome: node.NodeFailed) -> None:
    """A bad outcome, unless it is late or a repetition."""
    if not _expected(progress, outcome):
        return
    if reason := nonsense(outcome):
        end_badly(progress, outcome.node, "outcome_invalid", f"the worker's outcome {reason}")
        return
    end_badly(
        progress,
        outcome.node,
        outcome.code,
        outcome.message,
        usage=outcome.usage,
        calls=outcome.calls,
        retryable=outcome.retryable,
    )


def _expected(progress: Progress, outcome: node.NodeSucceeded | node.NodeFailed) -> bool:
    """Whether an outcome is that of the attempt under way; nobody speaks for what the router itself does."""
    attempt = progress.state.outstanding.get(outcome.node)
    if attempt is None or attempt.status != "scheduled":
        return False
    same = (attempt.attempt, attempt.iteration) == (outcome.attempt, outcome.iteration)
    from_run = progress.received is not None and progress.received.topic == RUN_CHILDREN.name
    return same and from_run == NODE_TYPES[progress.node(outcome.node).spec.type].routed
