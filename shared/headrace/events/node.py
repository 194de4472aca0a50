"""Events of the domain `node`.

Generated from `schemas/node/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event
from headrace.events import run


class ExecuteNode(Event, frozen=True, gc=False, kw_only=True):
    """Work for the workers of one node type. Key: the run id.

    run: The run id.
    workflow: name@version.
    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    type: The node's type.
    config: JSON object: the node's settings, with pinned prompts and models in full.
    input: JSON object: the node's bindings, evaluated.
    deadline: When the router gives the attempt up.
    tenant: Who is charged.
    session: Conversation.
    """

    NAME: ClassVar[str] = "headrace.node.ExecuteNode"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ExecuteNode", "namespace": "headrace.node", "doc": "Work for the workers of one node type. Key: the run id.", "fields": [{"name": "run", "type": "string", "doc": "The run id."}, {"name": "workflow", "type": "string", "doc": "name@version."}, {"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "type", "type": "string", "doc": "The node\'s type."}, {"name": "config", "type": "string", "doc": "JSON object: the node\'s settings, with pinned prompts and models in full."}, {"name": "input", "type": "string", "doc": "JSON object: the node\'s bindings, evaluated."}, {"name": "deadline", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When the router gives the attempt up.", "default": null}, {"name": "tenant", "type": ["null", "string"], "doc": "Who is charged.", "default": null}, {"name": "session", "type": ["null", "string"], "doc": "Conversation.", "default": null}]}'

    run: str
    workflow: str
    node: str
    iteration: int = 0
    attempt: int = 1
    type: str
    config: str
    input: str
    deadline: int | None = None
    tenant: str | None = None
    session: str | None = None


class NodeFailed(Event, frozen=True, gc=False, kw_only=True):
    """A worker's attempt failed. Key: the run id.

    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    code: Stable error code.
    message: What was wrong, where, what to do.
    retryable: Whether another attempt may help.
    usage: What the attempt consumed all the same.
    calls: Every call of a provider, in order.
    started_at: When the worker began.
    finished_at: When the worker ended.
    """

    NAME: ClassVar[str] = "headrace.node.NodeFailed"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeFailed", "namespace": "headrace.node", "doc": "A worker\'s attempt failed. Key: the run id.", "fields": [{"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "code", "type": "string", "doc": "Stable error code."}, {"name": "message", "type": "string", "doc": "What was wrong, where, what to do."}, {"name": "retryable", "type": "boolean", "doc": "Whether another attempt may help."}, {"name": "usage", "type": ["null", {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}], "doc": "What the attempt consumed all the same.", "default": null}, {"name": "calls", "type": {"type": "array", "items": {"type": "record", "name": "Call", "namespace": "headrace.run", "doc": "One call of a model or another provider: failed ones too, and those that were not made, with the reason.", "fields": [{"name": "provider", "type": "string", "doc": "Who was called: the model\'s name@version, or the provider\'s name."}, {"name": "outcome", "type": "string", "doc": "ok, or the error code."}, {"name": "latency_ms", "type": "long", "doc": "From request to last byte, milliseconds."}, {"name": "usage", "type": ["null", "headrace.run.Usage"], "doc": "Tokens and money; null when nothing is counted.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why it failed, or was not made at all; null when it went well.", "default": null}, {"name": "charges", "type": {"type": "array", "items": {"type": "record", "name": "Charge", "namespace": "headrace.run", "doc": "What a budget was charged for a call.", "fields": [{"name": "budget", "type": "string", "doc": "The budget\'s name."}, {"name": "period", "type": "string", "doc": "The period that was charged: 2026-11-24, 2026-11 or total; times are UTC."}, {"name": "amount", "type": "string", "doc": "Money, as decimal text, in the budget\'s currency."}, {"name": "limit", "type": "string", "doc": "The budget\'s limit then, likewise."}]}}, "doc": "Budgets that it was charged to.", "default": []}]}}, "doc": "Every call of a provider, in order.", "default": []}, {"name": "started_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the worker began."}, {"name": "finished_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the worker ended."}]}'

    node: str
    iteration: int = 0
    attempt: int = 1
    code: str
    message: str
    retryable: bool
    usage: run.Usage | None = None
    calls: tuple[run.Call, ...] = ()
    started_at: int
    finished_at: int


class NodeSucceeded(Event, frozen=True, gc=False, kw_only=True):
    """A worker finished an attempt. Key: the run id.

    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    output: JSON.
    usage: What the attempt consumed.
    calls: Every call of a provider, in order.
    started_at: When the worker began.
    finished_at: When the worker ended.
    """

    NAME: ClassVar[str] = "headrace.node.NodeSucceeded"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeSucceeded", "namespace": "headrace.node", "doc": "A worker finished an attempt. Key: the run id.", "fields": [{"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "output", "type": "string", "doc": "JSON."}, {"name": "usage", "type": ["null", {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}], "doc": "What the attempt consumed.", "default": null}, {"name": "calls", "type": {"type": "array", "items": {"type": "record", "name": "Call", "namespace": "headrace.run", "doc": "One call of a model or another provider: failed ones too, and those that were not made, with the reason.", "fields": [{"name": "provider", "type": "string", "doc": "Who was called: the model\'s name@version, or the provider\'s name."}, {"name": "outcome", "type": "string", "doc": "ok, or the error code."}, {"name": "latency_ms", "type": "long", "doc": "From request to last byte, milliseconds."}, {"name": "usage", "type": ["null", "headrace.run.Usage"], "doc": "Tokens and money; null when nothing is counted.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why it failed, or was not made at all; null when it went well.", "default": null}, {"name": "charges", "type": {"type": "array", "items": {"type": "record", "name": "Charge", "namespace": "headrace.run", "doc": "What a budget was charged for a call.", "fields": [{"name": "budget", "type": "string", "doc": "The budget\'s name."}, {"name": "period", "type": "string", "doc": "The period that was charged: 2026-11-24, 2026-11 or total; times are UTC."}, {"name": "amount", "type": "string", "doc": "Money, as decimal text, in the budget\'s currency."}, {"name": "limit", "type": "string", "doc": "The budget\'s limit then, likewise."}]}}, "doc": "Budgets that it was charged to.", "default": []}]}}, "doc": "Every call of a provider, in order.", "default": []}, {"name": "started_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the worker began."}, {"name": "finished_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the worker ended."}]}'

    node: str
    iteration: int = 0
    attempt: int = 1
    output: str
    usage: run.Usage | None = None
    calls: tuple[run.Call, ...] = ()
    started_at: int
    finished_at: int


class StopRun(Event, frozen=True, gc=False, kw_only=True):
    """A run has ended while workers are busy with it: what they do for it is of no use any more. Key: the run id.

    reason: How the run ended.
    """

    NAME: ClassVar[str] = "headrace.node.StopRun"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "StopRun", "namespace": "headrace.node", "doc": "A run has ended while workers are busy with it: what they do for it is of no use any more. Key: the run id.", "fields": [{"name": "reason", "type": "string", "doc": "How the run ended."}]}'

    reason: str
