"""Time goes by: deadlines, time-outs, retries, delays, and what was held while its workflow was paused."""

from headrace.events.run import Attempt
from workflow_router.core.advance import advance
from workflow_router.core.attempts import schedule
from workflow_router.core.kinds import kind_of
from workflow_router.core.progress import Progress
from workflow_router.core.scheduling import go_on


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
    match attempt.status:
        case "held":
            if not progress.holds:
                go_on(progress, name, attempt.attempt)
        case "retrying":
            schedule(progress, name, attempt.attempt)
        case _:
            kind_of(progress.node(name)).due(progress, name)
