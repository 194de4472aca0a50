"""What follows from what has happened: nodes start or are ruled out, until nothing more can be done by now."""

from headrace.events import run
from headrace.workflow import Node
from workflow_router.core.maps import fill
from workflow_router.core.progress import MOST_IN_A_RUN, Progress, Step
from workflow_router.core.scheduling import begin
from workflow_router.model import shortened


def advance(progress: Progress) -> None:
    """Do all that is open, and end the run if no node is left."""
    while progress.open and not progress.ended:
        if progress.state.seq >= MOST_IN_A_RUN:
            progress.fail("too_many_steps", f"the run has led to {MOST_IN_A_RUN} events, and would go on")
            return
        step, node = progress.open.popleft()
        match step:
            case Step.START if node.id not in progress.state.results and node.id not in progress.state.outstanding:
                begin(progress, node)
            case Step.FILL:
                fill(progress, node)
            case Step.FOLLOW:
                _follow(progress, node)
    progress.complete()


def _follow(progress: Progress, here: Node) -> None:
    """Start or rule out what comes after a node that ended or was ruled out."""
    for target in dict.fromkeys(edge.target for edge in here.edges):
        if not progress.ended:
            _settle(progress, progress.workflow.nodes[target])


def _settle(progress: Progress, target: Node) -> None:
    """Start or rule out a node as soon as its incoming edges allow it (dead-path elimination)."""
    if target.id in progress.state.results or target.id in progress.state.outstanding:
        return
    sources = [progress.state.results.get(source) for source in target.sources]
    taken = sum(result is not None and target.id in result.taken for result in sources)
    undecided = sum(result is None for result in sources)
    needed = target.needed or 1
    if taken >= needed and (target.needed or not undecided):
        begin(progress, target)
    elif taken + undecided < needed:
        reason = f"no edge from {', '.join(target.sources)} was taken"
        if needed > 1:
            reason = f"{needed} of the edges from {', '.join(target.sources)} were needed, {taken} could be taken"
        iteration = progress.iteration(target)
        skipped = run.NodeSkipped(**progress.place(), node=target.id, iteration=iteration, reason=shortened(reason))
        progress.emit(skipped)
        progress.then(Step.FOLLOW, target)
