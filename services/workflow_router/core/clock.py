"""Time goes by: deadlines, time-outs, retries, delays, and what was held while its workflow was paused."""

import msgspec

from headrace import nodes
from headrace.events.run import Attempt
from workflow_router.core.advance import advance
from workflow_router.core.endings import end_badly, end_well
from workflow_router.core.progress import Progress
from workflow_router.core.scheduling import go_on, schedule


def tick(progress: Progress) -> None:
    """Do what is due."""
    start = progress.state.start
    if start.deadline is not None and start.deadline <= progress.now:
        progress.fail("deadline_exceeded", f"the run did not end within {start.deadline - start.at} ms")
        return
    for name, attempt in list(progress.state.outstanding.items()):
        if progress.ended:
            return
        is_due = attempt.due is not None and attempt.due <= progress.now
        if is_due and progress.state.outstanding.get(name) == attempt:  # what was due before may have ended it
            _due(progress, name, attempt)
            advance(progress)


def _due(progress: Progress, name: str, attempt: Attempt) -> None:
    here = progress.node(name)
    match attempt.status, here.spec.type:
        case "held", _:
            if not (progress.paused or progress.full):
                go_on(progress, name, attempt.attempt)
        case "retrying", _:
            schedule(progress, name, attempt.attempt)
        case _, nodes.DELAY:
            end_well(progress, name, "{}", {})
        case _, nodes.WAIT:
            _unsignalled(progress, name)
        case _, nodes.WORKFLOW:
            message = f"the workflow did not end within {here.timeout_ms} ms"
            end_badly(progress, name, "timeout", message, retryable=True)
        case _:
            message = f"no outcome within {here.timeout_ms} ms; is a worker for {here.spec.type} running?"
            end_badly(progress, name, "timeout", message, retryable=True)


def _unsignalled(progress: Progress, name: str) -> None:
    here = progress.node(name)
    default = here.config.default
    if "default" in here.config.model_fields_set:
        end_well(progress, name, msgspec.json.encode(default).decode(), default)
    else:
        message = f"no signal {here.config.signal} within {here.timeout_ms} ms"
        end_badly(progress, name, "signal_timeout", message)
