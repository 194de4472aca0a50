"""How a request is refused: by the only record of a run that never started."""

from headrace.events.run import Parent, RunFailed
from headrace.limits import GENESIS
from workflow_router.model import NO_USAGE, shortened

LONGEST_NAME = 200
"""Characters of a reference to a workflow that a refusal repeats."""


class Refused(Exception):  # a way out of the checks, never seen outside
    """A request can't become a run. code: stable error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def refuse(now: int, workflow: str, code: str, message: str, parent: Parent | None = None) -> RunFailed:
    """The only record of a run that never started. parent: who asked for it, if not a caller."""
    return RunFailed(
        seq=0,
        prev=GENESIS,
        workflow=shortened(workflow, LONGEST_NAME),
        started_at=now,
        finished_at=now,
        code=code,
        message=shortened(message),
        usage=NO_USAGE,
        parent=parent,
    )
