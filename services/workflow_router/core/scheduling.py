"""Nodes start, or wait a moment before they do."""

from headrace.workflow import Node
from workflow_router.core.attempts import hold, schedule
from workflow_router.core.maps import start_map
from workflow_router.core.progress import Progress, Step
from workflow_router.model import index_of


def begin(progress: Progress, here: Node) -> None:
    """Start a node, a mapped one with its first instances; it waits a moment if much has happened already."""
    if progress.holds:
        hold(progress, here.id, 1)
    else:
        go_on(progress, here.id, 1)


def go_on(progress: Progress, name: str, attempt: int) -> None:
    """Start what was held; after an instance of a map, those that wait behind it."""
    here = progress.node(name)
    if here.over is not None and index_of(name) is None:
        start_map(progress, here)
        return
    schedule(progress, name, attempt)
    if index_of(name) is not None:
        progress.then(Step.FILL, here)
