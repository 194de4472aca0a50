"""How attempts end: well or badly, for good or until the next one; and which edges are taken because of it."""

from collections.abc import Sequence
from typing import Any

from headrace.events import run
from headrace.events.run import Call, Usage
from headrace.expression import ExpressionError
from headrace.workflow import Edge, Loop, Node
from workflow_router.core.progress import Progress, Step
from workflow_router.model import index_of, shortened


def end_well(progress: Progress, name: str, output: str, value: object, **more: Any) -> None:
    """An attempt, or a node that the router itself carries out, ends well. value: the output, decoded.

    more: further fields of NodeSucceeded.
    """
    here = progress.node(name)
    attempt = progress.state.outstanding[name]
    try:
        loop, taken = (None, ()) if index_of(name) is not None else _ways_out(progress, here, value)
    except ExpressionError as error:
        spent = {key: more[key] for key in ("usage", "calls", "signal") if key in more}
        end_badly(progress, name, "expression_failed", str(error), **spent)
        return
    times = {"started_at": progress.now, "finished_at": progress.now, **more}
    progress.emit(
        run.NodeSucceeded(
            **progress.place(),
            node=name,
            iteration=attempt.iteration,
            attempt=attempt.attempt,
            output=output,
            taken=taken,
            **times,
        )
    )
    if loop:
        _repeat(progress, loop)
    else:
        progress.then(Step.FOLLOW if index_of(name) is None else Step.FILL, here)


def end_badly(
    progress: Progress,
    name: str,
    code: str,
    message: str,
    *,
    usage: Usage | None = None,
    calls: tuple[Call, ...] = (),
    signal: int | None = None,
    retryable: bool = False,
    begun: bool = True,
) -> None:
    """An attempt fails: try again later, follow the edges for errors, or end the run.

    signal: the place of the one that is used up. begun: whether it could be started at all; if not, and if the run
    fails because of it, then with the same code.
    """
    here = progress.node(name)
    attempt = progress.state.outstanding.get(name)
    number, iteration = (attempt.attempt, attempt.iteration) if attempt else (1, progress.iteration(here))
    retry = here.spec.retry
    worth = retryable if retry.codes is None else code in retry.codes
    whole = here.over is not None and index_of(name) is None
    again = worth and begun and number < retry.attempts and not whole  # of a map, its instances are
    taken = () if again else _rescue(progress, name, code, message)
    if not begun and not taken and index_of(name) is None:
        progress.fail(code, message, name)
        return
    progress.emit(
        run.NodeFailed(
            **progress.place(),
            node=name,
            iteration=iteration,
            attempt=number,
            code=code,
            message=shortened(message),
            retry_at=progress.now + retry.wait_ms(number, progress.luck(name, number)) if again else None,
            usage=usage,
            calls=calls,
            taken=taken,
            signal=signal,
        )
    )
    if again:
        return
    if index_of(name) is not None:
        progress.then(Step.FILL, here)
    elif taken:
        progress.then(Step.FOLLOW, here)
    else:
        times = f"{number} attempt{'s' if number > 1 else ''}"
        progress.fail("node_failed", f"node {name} failed after {times}: {code}: {message}", name)


def _rescue(progress: Progress, name: str, code: str, message: str) -> tuple[str, ...]:
    """Targets of the edges for errors that are taken."""
    here = progress.node(name)
    if index_of(name) is not None or not any(edge.on_error for edge in here.edges):
        return ()
    progress.values.failed(here.id, code, shortened(message))
    try:
        return _taken(progress, here, [edge for edge in here.edges if edge.on_error])
    except ExpressionError:  # whether it leads anywhere can't be told: it leads nowhere
        return ()


def _ways_out(progress: Progress, here: Node, value: object) -> tuple[Loop | None, tuple[str, ...]]:
    """Whether a loop goes round again; else targets of the edges that are taken. Raises ExpressionError."""
    loop = progress.workflow.loops.get(here.id)
    if not here.edges and not loop:
        return None, ()
    progress.values.fresh(here.id, value)
    if loop and _goes_on(progress, here, loop):
        return loop, (loop.head,)
    return None, _taken(progress, here, [edge for edge in here.edges if not edge.on_error])


def _goes_on(progress: Progress, here: Node, loop: Loop) -> bool:
    done = progress.state.loops.get(loop.tail)
    if (done.round if done else 0) + 1 >= loop.most:
        return False
    return loop.when is None or progress.values.holds(progress.state, here, loop.when)


def _taken(progress: Progress, here: Node, edges: Sequence[Edge]) -> tuple[str, ...]:
    """Targets of those of these edges that are taken. Raises ExpressionError."""
    taken = {
        edge.target
        for edge in edges
        if not edge.otherwise and (edge.when is None or progress.values.holds(progress.state, here, edge.when))
    }
    if not taken & {edge.target for edge in edges if edge.when is not None}:
        taken |= {edge.target for edge in edges if edge.otherwise}
    return tuple(edge.target for edge in edges if edge.target in taken)


def _repeat(progress: Progress, loop: Loop) -> None:
    done = progress.state.loops.get(loop.tail)
    progress.emit(
        run.LoopRepeated(
            **progress.place(),
            node=loop.tail,
            head=loop.head,
            round=(done.round if done else 0) + 1,
            total=(done.total if done else 0) + 1,
            body=loop.body,
            kept=loop.kept,
        )
    )
    progress.values.forget(loop.body)
    progress.forget(loop.body)
    progress.then(Step.START, progress.workflow.nodes[loop.head])
