"""A request becomes a run, or a refusal that says what was wrong."""

from collections.abc import Sequence
from typing import Any

import msgspec

from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.run import RunStarted, StartChild, StartRun
from headrace.limits import GENESIS, RUN_ID
from headrace.machine import Context
from headrace.workflow import CompiledWorkflow, InvalidWorkflow
from workflow_router.core.advance import advance
from workflow_router.core.pins import pins_of
from workflow_router.core.progress import Progress, Step
from workflow_router.core.refusal import Refused, refuse
from workflow_router.model import SMALL, RunState, parse_object, too_large
from workflow_router.ports import Workflows

LARGEST_LABELS = 16_384
"""Bytes of a request's session, tenant, actor, sticky key and labels together."""


def start(state: RunState, request: StartRun, context: Context, workflows: Workflows) -> Sequence[Event]:
    """RunStarted, with everything pinned, and the first nodes; or RunFailed."""
    try:
        started, compiled = _checked(request, context, workflows)
    except Refused as refusal:
        return [refuse(context.now, request.workflow, refusal.code, str(refusal))]
    except NotFound as missing:
        return [refuse(context.now, request.workflow, missing.code, str(missing))]
    except InvalidWorkflow as error:  # this version of Headrace checks more than the one that took it in
        return [refuse(context.now, request.workflow, "workflow_invalid", str(error))]
    return _begun(state, context, started, compiled, workflows)


def start_child(state: RunState, request: StartChild, context: Context, workflows: Workflows) -> Sequence[Event]:
    """RunStarted, bound to what the run that asks is bound to, and the first nodes; or RunFailed."""
    try:
        compiled = workflows.compiled(request.workflow)
        limit = context.now + compiled.spec.timeout_ms
        started = _started(
            request,
            context,
            workflow=request.workflow,
            input=_checked_input(request.input, compiled),
            deadline=limit if request.deadline is None else min(limit, request.deadline),
            pins=request.pins,
            parent=request.parent,
        )
    except Refused as refusal:
        return [refuse(context.now, request.workflow, refusal.code, str(refusal), request.parent)]
    except InvalidWorkflow as error:
        return [refuse(context.now, request.workflow, "workflow_invalid", str(error), request.parent)]
    return _begun(state, context, started, compiled, workflows)


def _started(request: StartRun | StartChild, context: Context, **more: Any) -> RunStarted:
    """RunStarted with what a request hands on as it is."""
    origin = context.received and context.received.attributes
    return RunStarted(
        seq=0,
        prev=GENESIS,
        at=context.now,
        session=request.session,
        tenant=request.tenant,
        actor=request.actor,
        labels=request.labels,
        sticky=request.sticky,
        correlation=origin.correlation if origin else None,
        traceparent=origin.traceparent if origin else None,
        **more,
    )


def _begun(
    state: RunState, context: Context, started: RunStarted, compiled: CompiledWorkflow, workflows: Workflows
) -> Sequence[Event]:
    progress = Progress(state, context, compiled, paused=workflows.paused(started))
    progress.emit(started)
    for name in compiled.starts:
        progress.then(Step.START, compiled.nodes[name])
    advance(progress)
    return progress.events


def _checked(request: StartRun, context: Context, workflows: Workflows) -> tuple[RunStarted, CompiledWorkflow]:
    _check_id(context)
    _check_labels(request)
    sticky = request.sticky or request.session or context.key
    workflow = workflows.resolver.resolve(("Workflow",), request.workflow, sticky)
    compiled = workflows.compile(workflow)
    spec = compiled.spec
    limit = spec.timeout_ms if request.deadline_ms is None else min(spec.timeout_ms, max(request.deadline_ms, 0))
    started = _started(
        request,
        context,
        workflow=str(workflow),
        input=_checked_input(request.input, compiled),
        deadline=context.now + limit,
        pins=pins_of(workflow, workflows.compile, workflows.resolver, sticky),
    )
    return started, compiled


def _check_id(context: Context) -> None:
    key = context.received.key if context.received else None
    if key and not RUN_ID.fullmatch(key.decode(errors="replace")):
        allowed = "1-200 characters of A-Z a-z 0-9 . _ : -"
        raise Refused("run_id_invalid", f"the record's key {key!r:.120} is no run id: {allowed}")


def _check_labels(request: StartRun) -> None:
    """What a run carries along for its whole life is small."""
    texts = [
        request.session or "",
        request.tenant or "",
        request.actor or "",
        request.sticky or "",
        *request.labels,
        *request.labels.values(),
    ]
    size = sum(len(text.encode()) for text in texts)
    if size > LARGEST_LABELS:
        about = f"session, tenant, actor, sticky key and labels have {size} bytes, at most {LARGEST_LABELS} are allowed"
        raise Refused("request_too_large", about)
    if any("\0" in text for text in texts):
        raise Refused("request_invalid", "U+0000 can't be part of session, tenant, actor, sticky key or labels")


def _checked_input(text: str, compiled: CompiledWorkflow) -> str:
    if reason := too_large(text):
        raise Refused("input_invalid", f"the input has {reason}")
    try:
        value = parse_object(text)
    except ValueError as error:
        raise Refused("input_invalid", f"the input is {error}") from error
    value = compiled.with_defaults(value)
    if faults := compiled.input_faults(value, first_only=len(text) > SMALL):
        raise Refused("input_invalid", "; ".join(faults[:10]))
    checked = msgspec.json.encode(value).decode()
    if reason := too_large(checked):
        raise Refused("input_invalid", f"the input has, with its defaults, {reason}")
    return checked
