"""Nodes start: work is handed to workers and to other workflows; what waits begins to wait."""

from typing import Any

import msgspec

from headrace.events import run
from headrace.expression import ExpressionError
from headrace.nodes import DELAY, WAIT
from headrace.workflow import Node
from headrace.workflow.spec import DAY_MS
from workflow_router.core.endings import end_badly, end_well
from workflow_router.core.progress import Progress, Step
from workflow_router.model import LONGEST_MESSAGE, base, index_of, instance, parse, too_large

MOST_INPUTS = 8_388_608
"""Characters of all inputs that one decision may hand to workers: they travel in one transaction."""
LONGEST_DELAY = 30 * DAY_MS


def begin(progress: Progress, here: Node) -> None:
    """Start a node, a mapped one with its first instances; it waits a moment if much has happened already."""
    if progress.paused or progress.full:
        hold(progress, here.id, 1)
    elif here.over is None:
        schedule(progress, here.id, 1)
    else:
        _start_map(progress, here)


def hold(progress: Progress, name: str, attempt: int) -> None:
    """Let a node wait: until its workflow is resumed, or the next decision."""
    iteration = progress.iteration(progress.node(name))
    progress.emit(run.NodeHeld(**progress.place(), node=name, iteration=iteration, attempt=attempt))


def go_on(progress: Progress, name: str, attempt: int) -> None:
    """Start what was held."""
    here = progress.node(name)
    if here.over is not None and index_of(name) is None:
        _start_map(progress, here)
    else:
        schedule(progress, name, attempt)


def schedule(progress: Progress, name: str, attempt: int) -> None:
    """Start an attempt of a node or of an instance, unless the workflow is paused."""
    here = progress.node(name)
    place: dict[str, Any] = {"node": name, "iteration": progress.iteration(here), "attempt": attempt}
    if progress.paused:
        hold(progress, name, attempt)
        return
    try:
        bound = progress.values.input(progress.state, here, _item(progress, name))
    except ExpressionError as error:
        end_badly(progress, name, "expression_failed", f"node {name}, input: {error}", before=True)
        return
    if reason := _too_much(progress, name, bound):
        end_badly(progress, name, "input_too_large", reason, before=True)
        return
    deadline = progress.now + here.timeout_ms
    if here.spec.type == DELAY:
        ms = msgspec.json.decode(bound)["ms"]
        if not isinstance(ms, int | float) or isinstance(ms, bool) or not 0 <= ms <= LONGEST_DELAY:
            message = f"node {name}, input ms: {ms!r:.80} are no milliseconds between 0 and {LONGEST_DELAY}"
            end_badly(progress, name, "input_invalid", message, before=True)
            return
        deadline = progress.now + int(ms)
    progress.emit(run.NodeScheduled(**progress.place(), **place, type=here.spec.type, input=bound, deadline=deadline))
    if here.spec.type == WAIT:
        _take_kept(progress, here)


def fill(progress: Progress, here: Node) -> None:
    """Start as many instances of a map as may run at once, or end it."""
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
            schedule(progress, instance(here.id, done.started), 1)
            continue
        return


def _take_kept(progress: Progress, here: Node) -> None:
    """Let a node that waits have the first signal that came before it waited, and that fits."""
    for place, signal in sorted(progress.state.signals.items()):
        value = parse(signal.payload)
        if signal.signal == here.config.signal and not here.output_fault(value):
            end_well(progress, here.id, signal.payload, value, signal=place)
            return


def _start_map(progress: Progress, here: Node) -> None:
    assert here.over is not None
    assert here.spec.map is not None
    try:
        items = progress.values.value(progress.state, here, here.over)
    except ExpressionError as error:
        end_badly(progress, here.id, "expression_failed", f"node {here.id}, map: {error}", before=True)
        return
    if reason := _no_list(items, here.spec.map.max_items):
        message = f"node {here.id}, map: `{here.over.text:.200}` is {reason}"
        end_badly(progress, here.id, "map_invalid", message, before=True)
        return
    text = msgspec.json.encode(items).decode()
    if reason := too_large(text):
        end_badly(progress, here.id, "input_too_large", f"node {here.id}: the list has {reason}", before=True)
        return
    place: dict[str, Any] = {"node": here.id, "iteration": progress.iteration(here)}
    progress.emit(run.MapStarted(**progress.place(), **place, items=text, count=len(items)))
    progress.then(Step.FILL, here)


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
