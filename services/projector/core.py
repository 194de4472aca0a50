"""From one event to its rows. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from headrace import cloudevents
from headrace.errors import Undecodable
from headrace.event import Event
from headrace.events import resource, run
from headrace.projection import Origin, Row
from projector.model import CHANGE_SAYS, RUN_KEY, RUN_NODE_KEY, ResourceChange, Run, RunNode

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RUNNING = "running"
NO_ATTEMPT = 0
"""Attempt of a node that was skipped."""
Step = run.NodeScheduled | run.NodeHeld | run.MapStarted | run.NodeSucceeded | run.NodeFailed | run.NodeSkipped
Change = (
    resource.VersionCreated
    | resource.VersionReused
    | resource.VersionRetired
    | resource.PointerMoved
    | resource.PointerProtected
    | resource.ChangeProposed
    | resource.WorkflowPaused
    | resource.WorkflowResumed
    | resource.ErasureOrdered
    | resource.BodyErased
    | resource.BodyUnusable
    | resource.ChangeRefused
)
LARGEST_EXPONENT = 30
"""Of a decimal amount; a currency that needs more than 10^30 is a mistake."""


def rows(event: Event, origin: Origin) -> Iterator[Row]:
    """The rows that an event writes. Raises Undecodable for a time or an amount that makes no sense."""
    match event:
        case run.RunCompleted() | run.RunFailed() | run.RunCancelled():
            yield Row("runs", _ended(event, origin.key), RUN_KEY)
        case run.RunStarted():
            yield Row("runs", _started(event, origin.key), RUN_KEY)
        case run.SignalReceived() | run.SignalRefused() | run.LoopRepeated():
            yield Row("runs", Run(origin.key, event.seq, RUNNING), RUN_KEY)
        case _ if isinstance(event, Step):
            yield Row("runs", Run(origin.key, event.seq, RUNNING), RUN_KEY)
            yield Row("run_nodes", _node(event, origin.key), RUN_NODE_KEY)
        case _ if isinstance(event, Change):
            yield Row("resource_changes", _change(event, origin))


def _started(event: run.RunStarted, key: str) -> Run:
    return Run(
        key,
        event.seq,
        RUNNING,
        workflow=event.workflow,
        tenant=event.tenant,
        session=event.session,
        actor=event.actor,
        started_at=_time(event.at),
    )


def _ended(event: run.RunCompleted | run.RunFailed | run.RunCancelled, key: str) -> Run:
    ended: dict[str, Any] = {
        "workflow": event.workflow,
        "started_at": _time(event.started_at),
        "finished_at": _time(event.finished_at),
        **_usage(event.usage),
    }
    match event:
        case run.RunCompleted():
            return Run(key, event.seq, "completed", **ended)
        case run.RunFailed():
            return Run(key, event.seq, "failed", **ended, code=event.code, message=event.message, node=event.node)
        case run.RunCancelled():
            return Run(key, event.seq, "cancelled", **ended, message=event.reason)


def _node(event: Step, key: str) -> RunNode:
    place = (key, event.node, event.iteration)
    match event:
        case run.NodeScheduled():
            return RunNode(*place, event.attempt, "scheduled", type=event.type, scheduled_at=_time(event.at))
        case run.NodeHeld():
            return RunNode(*place, event.attempt, "held")
        case run.MapStarted():
            return RunNode(*place, 1, "mapped", scheduled_at=_time(event.at))
        case run.NodeSucceeded():
            return RunNode(
                *place,
                event.attempt,
                "succeeded",
                started_at=_time(event.started_at),
                finished_at=_time(event.finished_at),
                **_usage(event.usage),
            )
        case run.NodeFailed():
            return RunNode(
                *place,
                event.attempt,
                "failed",
                finished_at=_time(event.at),
                retry_at=None if event.retry_at is None else _time(event.retry_at),
                code=event.code,
                message=event.message,
                **_usage(event.usage),
            )
        case run.NodeSkipped():
            return RunNode(*place, NO_ATTEMPT, "skipped", finished_at=_time(event.at), message=event.reason)


def _change(event: Change, origin: Origin) -> ResourceChange:
    """The columns that are named as the event's fields hold what these say."""
    said = {name: _column(getattr(event, name)) for name in CHANGE_SAYS if hasattr(event, name)}
    return ResourceChange(
        origin.topic,
        origin.partition,
        origin.offset,
        origin.key,
        type(event).__name__,
        _time(event.at),
        caused_by=cloudevents.attributes(origin.headers, "").causation,
        **said,
    )


def _column(value: Any) -> Any:
    """Lists of numbers as arrays, of records as JSON; an empty one says nothing."""
    if not isinstance(value, tuple):
        return value
    if all(isinstance(item, int) for item in value):
        return list(value) or None
    return msgspec.json.encode(value).decode()


def _usage(usage: run.Usage | None) -> dict[str, Any]:
    """Tokens and money as columns; no amount is ever without its currency."""
    if usage is None:
        return {}
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": _amount(usage.cost),
        "currency": usage.currency,
    }


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise Undecodable(f"the cost {text!r:.80} is no decimal number") from error
    if not amount.is_finite() or abs(amount.adjusted()) > LARGEST_EXPONENT:
        raise Undecodable(f"the cost {text!r:.80} is no amount of money")
    return amount


def _time(milliseconds: int) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise Undecodable(f"{milliseconds} ms since 1970 is no time that a calendar has") from error
