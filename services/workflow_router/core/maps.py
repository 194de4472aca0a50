"""A node that is mapped runs once for each item of a list, some at once."""

from typing import Any

import msgspec

from headrace.events import run
from headrace.expression import ExpressionError
from headrace.workflow import Node
from workflow_router.core.attempts import hold, schedule
from workflow_router.core.endings import end_badly, end_well
from workflow_router.core.progress import Progress, Step
from workflow_router.model import LONGEST_MESSAGE, instance, too_large


def start_map(progress: Progress, here: Node) -> None:
    """Evaluate the list; its instances start when all else has begun."""
    assert here.over is not None
    assert here.spec.map is not None
    try:
        items = progress.values.over(progress.state, here, here.over)
    except ExpressionError as error:
        end_badly(progress, here.id, "expression_failed", f"node {here.id}, map: {error}", begun=False)
        return
    if reason := _no_list(items, here.spec.map.max_items):
        message = f"node {here.id}, map: `{here.over.text:.200}` is {reason}"
        end_badly(progress, here.id, "map_invalid", message, begun=False)
        return
    text = msgspec.json.encode(items).decode()
    if reason := too_large(text):
        end_badly(progress, here.id, "input_too_large", f"node {here.id}: the list has {reason}", begun=False)
        return
    place: dict[str, Any] = {"node": here.id, "iteration": progress.iteration(here)}
    progress.emit(run.MapStarted(**progress.place(), **place, items=text, count=len(items)))
    progress.then(Step.FILL, here)


def fill(progress: Progress, here: Node) -> None:
    """Start as many instances of a map as may run at once, or end it; when too much happens at once, one is held."""
    spec = here.spec.map
    assert spec is not None
    while (done := progress.state.maps.get(here.id)) is not None:
        if done.failed > spec.max_failures:
            message = (
                f"{done.failed} of {done.count} items failed, at most {spec.max_failures} may: {_why(progress, here)}"
            )
            end_badly(progress, here.id, "map_failed", message)
        elif done.ended == done.count:
            _end_map(progress, here, done.count)
        elif done.started < done.count and done.started - done.ended < spec.concurrency:
            if not progress.full:
                schedule(progress, instance(here.id, done.started), 1)
                continue
            hold(progress, instance(here.id, done.started), 1)
        return


def _no_list(items: Any, most: int) -> str:
    if not isinstance(items, list):
        return f"{items!r:.80}, which is no list"
    return f"a list of {len(items)}; max_items allows {most}" if len(items) > most else ""


def _end_map(progress: Progress, here: Node, count: int) -> None:
    results = [progress.state.instances[instance(here.id, index)] for index in range(count)]
    failed = [
        {"index": index, "code": result.error.code, "message": result.error.message}
        for index, result in enumerate(results)
        if result.error
    ]
    items = [None if result.output is None else msgspec.json.decode(result.output) for result in results]
    value = {"items": items, "failed": failed}
    output = msgspec.json.encode(value).decode()
    if reason := too_large(output):
        end_badly(progress, here.id, "output_too_large", f"the outputs of all items have {reason}")
    else:
        end_well(progress, here.id, output, value)


def _why(progress: Progress, here: Node) -> str:
    """The first failure."""
    names = (instance(here.id, index) for index in range(progress.state.maps[here.id].started))
    results = ((name, progress.state.instances.get(name)) for name in names)
    name, error = next((name, result.error) for name, result in results if result and result.error)
    return f"{name}: {error.code}: {error.message}"[:LONGEST_MESSAGE]
