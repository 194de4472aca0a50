"""Events of the domain `model`.

Generated from `schemas/model/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event
from headrace.events import run


class ModelCalled(Event, frozen=True, gc=False, kw_only=True):
    """A model was called, well or not: what it took and who pays. Key: the model's name. Written at least once; equal ids are one call.

    id: The call's id, the same when the record is repeated: run/node/iteration/attempt/number.
    at: When the call ended.
    model: The model's name@version.
    alias: The alias through which it was reached, name@version.
    prompt: The prompt's name@version.
    workflow: The workflow's name@version.
    tenant: Who is charged.
    run_id: The run id.
    node: The node's id in the workflow.
    outcome: ok, or the error code.
    latency_ms: From request to last byte, milliseconds.
    usage: Tokens and money; null when nothing was consumed.
    charges: Budgets that it was charged to.
    """

    NAME: ClassVar[str] = "headrace.model.ModelCalled"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ModelCalled", "namespace": "headrace.model", "doc": "A model was called, well or not: what it took and who pays. Key: the model\'s name. Written at least once; equal ids are one call.", "fields": [{"name": "id", "type": "string", "doc": "The call\'s id, the same when the record is repeated: run/node/iteration/attempt/number."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the call ended."}, {"name": "model", "type": "string", "doc": "The model\'s name@version."}, {"name": "alias", "type": ["null", "string"], "doc": "The alias through which it was reached, name@version.", "default": null}, {"name": "prompt", "type": "string", "doc": "The prompt\'s name@version."}, {"name": "workflow", "type": "string", "doc": "The workflow\'s name@version."}, {"name": "tenant", "type": ["null", "string"], "doc": "Who is charged.", "default": null}, {"name": "run_id", "type": "string", "doc": "The run id."}, {"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "outcome", "type": "string", "doc": "ok, or the error code."}, {"name": "latency_ms", "type": "long", "doc": "From request to last byte, milliseconds."}, {"name": "usage", "type": ["null", {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}], "doc": "Tokens and money; null when nothing was consumed.", "default": null}, {"name": "charges", "type": {"type": "array", "items": {"type": "record", "name": "Charge", "namespace": "headrace.run", "doc": "What a budget was charged for a call.", "fields": [{"name": "budget", "type": "string", "doc": "The budget\'s name."}, {"name": "period", "type": "string", "doc": "The period that was charged: 2026-11-24, 2026-11 or total; times are UTC."}, {"name": "amount", "type": "string", "doc": "Money, as decimal text, in the budget\'s currency."}, {"name": "limit", "type": "string", "doc": "The budget\'s limit then, likewise."}]}}, "doc": "Budgets that it was charged to.", "default": []}]}'

    id: str
    at: int
    model: str
    alias: str | None = None
    prompt: str
    workflow: str
    tenant: str | None = None
    run_id: str
    node: str
    outcome: str
    latency_ms: int
    usage: run.Usage | None = None
    charges: tuple[run.Charge, ...] = ()


class ModelHealthChanged(Event, frozen=True, gc=False, kw_only=True):
    """A model's circuit breaker changed its state. Key: the model's name@version.

    at: When it changed.
    state: closed (calls are made), open (none is), half_open (one probe is under way).
    retry_at: When the next probe may be made; of a half-open breaker: if nothing is heard of the one under way.
    reason: Why.
    calls: Calls in the window that led to it.
    failures: Those of them that failed.
    instance: The worker that saw it.
    """

    NAME: ClassVar[str] = "headrace.model.ModelHealthChanged"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ModelHealthChanged", "namespace": "headrace.model", "doc": "A model\'s circuit breaker changed its state. Key: the model\'s name@version.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it changed."}, {"name": "state", "type": "string", "doc": "closed (calls are made), open (none is), half_open (one probe is under way)."}, {"name": "retry_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When the next probe may be made; of a half-open breaker: if nothing is heard of the one under way.", "default": null}, {"name": "reason", "type": "string", "doc": "Why."}, {"name": "calls", "type": "int", "doc": "Calls in the window that led to it.", "default": 0}, {"name": "failures", "type": "int", "doc": "Those of them that failed.", "default": 0}, {"name": "instance", "type": "string", "doc": "The worker that saw it."}]}'

    at: int
    state: str
    retry_at: int | None = None
    reason: str
    calls: int = 0
    failures: int = 0
    instance: str
