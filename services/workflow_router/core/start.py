"""A request becomes a run, or a refusal that says what was wrong."""

from collections.abc import Sequence

import msgspec

from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.run import Pin, RunFailed, RunStarted, StartRun
from headrace.limits import GENESIS, RUN_ID
from headrace.machine import Context
from headrace.resource.catalog import Resolved
from headrace.workflow import CompiledWorkflow, InvalidWorkflow
from workflow_router.core.progress import Progress
from workflow_router.model import NO_USAGE, RunState, parse_object, shortened, too_large
from workflow_router.ports import Workflows

LONGEST_NAME = 200
"""Characters of a reference to a workflow that a refusal repeats."""
SMALL_INPUT = 10_000
"""Characters of an input of which all faults are told; of a larger one the first."""
LARGEST_LABELS = 16_384
"""Bytes of a request's session, tenant, actor and labels together."""


class _Refused(Exception):  # a way out of the checks below, never seen outside
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def start(state: RunState, request: StartRun, context: Context, workflows: Workflows) -> Sequence[Event]:
    """RunStarted, with everything pinned, and the first nodes; or RunFailed."""
    try:
        started, compiled = _checked(request, context, workflows)
    except _Refused as refusal:
        return [refuse(context.now, request.workflow, refusal.code, str(refusal))]
    except NotFound as missing:
        return [refuse(context.now, request.workflow, missing.code, str(missing))]
    except InvalidWorkflow as error:  # this version of Headrace checks more than the one that took it in
        return [refuse(context.now, request.workflow, "workflow_invalid", str(error))]
    progress = Progress(state, context, compiled)
    progress.start(started)
    return progress.events


def refuse(now: int, workflow: str, code: str, message: str) -> RunFailed:
    """The only record of a run that never started."""
    return RunFailed(
        seq=0,
        prev=GENESIS,
        workflow=shortened(workflow, LONGEST_NAME),
        started_at=now,
        finished_at=now,
        code=code,
        message=shortened(message),
        usage=NO_USAGE,
    )


def _checked(request: StartRun, context: Context, workflows: Workflows) -> tuple[RunStarted, CompiledWorkflow]:
    _check_id(context)
    _check_labels(request)
    workflow = workflows.resolver.resolve(("Workflow",), request.workflow)
    compiled = workflows.compile(workflow)
    spec = compiled.spec
    limit = spec.timeout_ms if request.deadline_ms is None else min(spec.timeout_ms, max(request.deadline_ms, 0))
    origin = context.received and context.received.attributes
    started = RunStarted(
        seq=0,
        prev=GENESIS,
        at=context.now,
        workflow=str(workflow),
        input=_checked_input(request.input, compiled),
        session=request.session,
        tenant=request.tenant,
        actor=request.actor,
        labels=request.labels,
        deadline=context.now + limit,
        correlation=origin.correlation if origin else None,
        traceparent=origin.traceparent if origin else None,
        pins=(pin(workflow), *_pins(compiled, workflows)),
    )
    return started, compiled


def _check_id(context: Context) -> None:
    key = context.received.key if context.received else None
    if key and not RUN_ID.fullmatch(key.decode(errors="replace")):
        allowed = "1-200 characters of A-Z a-z 0-9 . _ : -"
        raise _Refused("run_id_invalid", f"the record's key {key!r:.120} is no run id: {allowed}")


def _check_labels(request: StartRun) -> None:
    """What a run carries along for its whole life is small."""
    texts = [
        request.session or "",
        request.tenant or "",
        request.actor or "",
        *request.labels,
        *request.labels.values(),
    ]
    size = sum(len(text.encode()) for text in texts)
    if size > LARGEST_LABELS:
        about = f"session, tenant, actor and labels have {size} bytes, at most {LARGEST_LABELS} are allowed"
        raise _Refused("request_too_large", about)
    if any("\0" in text for text in texts):
        raise _Refused("request_invalid", "U+0000 can't be part of session, tenant, actor or labels")


def _checked_input(text: str, compiled: CompiledWorkflow) -> str:
    if reason := too_large(text):
        raise _Refused("input_invalid", f"the input has {reason}")
    try:
        value = parse_object(text)
    except ValueError as error:
        raise _Refused("input_invalid", f"the input is {error}") from error
    value = compiled.with_defaults(value)
    if faults := compiled.input_faults(value, first_only=len(text) > SMALL_INPUT):
        raise _Refused("input_invalid", "; ".join(faults[:10]))
    checked = msgspec.json.encode(value).decode()
    if reason := too_large(checked):
        raise _Refused("input_invalid", f"the input has, with its defaults, {reason}")
    return checked


def _pins(compiled: CompiledWorkflow, workflows: Workflows) -> Sequence[Pin]:
    """One pin for each reference of each node, and for what an alias stands for."""
    pins: dict[tuple[str, str], Pin] = {}
    for node in compiled.nodes.values():
        for reference in node.references:
            found = workflows.resolver.resolve(reference.kinds, reference.ref)
            pins[found.kind, found.ref] = pin(found)
            if found.kind == "ModelAlias":
                model = workflows.resolver.resolve(("Model",), found.spec["model"])
                pins[model.kind, model.ref] = pin(model)
    return tuple(pins.values())


def pin(found: Resolved) -> Pin:
    """What a run is bound to."""
    return Pin(kind=found.kind, ref=found.ref, name=found.name, version=found.version, digest=found.digest)
