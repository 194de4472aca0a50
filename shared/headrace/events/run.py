"""Events of the domain `run`.

Generated from `schemas/run/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event


class Usage(Event, frozen=True, gc=False, kw_only=True):
    """What a run or node consumed.

    input_tokens: Tokens sent to models.
    output_tokens: Tokens received from models.
    cost: Money, as decimal text.
    currency: ISO 4217 code.
    cached_tokens: Those of the input that the provider had in its cache.
    estimated: Whether tokens were estimated, because a provider did not count them.
    """

    input_tokens: int
    output_tokens: int
    cost: str
    currency: str
    cached_tokens: int = 0
    estimated: bool = False


class Charge(Event, frozen=True, gc=False, kw_only=True):
    """What a budget was charged for a call.

    budget: The budget's name.
    period: The period that was charged: 2026-11-24, 2026-11 or total; times are UTC.
    amount: Money, as decimal text, in the budget's currency.
    limit: The budget's limit then, likewise.
    """

    budget: str
    period: str
    amount: str
    limit: str


class Call(Event, frozen=True, gc=False, kw_only=True):
    """One call of a model or another provider: failed ones too, and those that were not made, with the reason.

    provider: Who was called: the model's name@version, or the provider's name.
    outcome: ok, or the error code.
    latency_ms: From request to last byte, milliseconds.
    usage: Tokens and money; null when nothing is counted.
    reason: Why it failed, or was not made at all; null when it went well.
    charges: Budgets that it was charged to.
    """

    provider: str
    outcome: str
    latency_ms: int
    usage: Usage | None = None
    reason: str | None = None
    charges: tuple[Charge, ...] = ()


class NodeError(Event, frozen=True, gc=False, kw_only=True):
    """Why a node failed in the end.

    code: Error code.
    message: What was wrong.
    """

    code: str
    message: str


class Parent(Event, frozen=True, gc=False, kw_only=True):
    """The node of another run whose work this run does.

    run: The other run's id.
    node: The node's id there.
    iteration: Its iteration.
    attempt: Its attempt.
    depth: How many runs are above this one.
    """

    run: str
    node: str
    iteration: int = 0
    attempt: int = 1
    depth: int = 1


class Attempt(Event, frozen=True, gc=False, kw_only=True):
    """An attempt that is under way or will be.

    status: scheduled (a worker, a child or a signal is waited for), retrying, mapped or held.
    iteration: Round of the loop, from 0.
    attempt: Attempt, from 1.
    due: Epoch milliseconds: the attempt's time-out, when the retry starts, or when the delay is over.
    type: The node's type; empty while nothing is scheduled.
    """

    status: str
    iteration: int = 0
    attempt: int = 1
    due: int | None = None
    type: str = ''


class Loop(Event, frozen=True, gc=False, kw_only=True):
    """Where a loop is.

    round: Rounds since it was entered.
    total: How often it has gone round again in the whole run.
    """

    round: int
    total: int


class MapProgress(Event, frozen=True, gc=False, kw_only=True):
    """Where a map is.

    iteration: The node's iteration.
    count: Its items.
    started: Items whose instances have started, in order.
    ended: Items that ended.
    failed: Those of them that failed.
    """

    iteration: int = 0
    count: int
    started: int
    ended: int
    failed: int


class Pin(Event, frozen=True, gc=False, kw_only=True):
    """One resource that a run is bound to for its whole life.

    kind: Prompt, Model, ModelAlias or Workflow.
    ref: The reference as the workflow wrote it, such as answer@production.
    name: The resource's name.
    version: The version that the reference meant when the run started.
    digest: SHA-256 of the version's canonical spec, hexadecimal.
    weight: The version's weight when its pointer split traffic; 0 when one version had all of it.
    weights: The sum of all weights of that split; 0 likewise.
    """

    kind: str
    ref: str
    name: str
    version: int
    digest: str
    weight: int = 0
    weights: int = 0


class CancelRun(Event, frozen=True, gc=False, kw_only=True):
    """Cancel a run. The record's key is the run id.

    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.run.CancelRun"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "CancelRun", "namespace": "headrace.run", "doc": "Cancel a run. The record\'s key is the run id.", "fields": [{"name": "reason", "type": "string", "doc": "Why, for the audit trail."}]}'

    reason: str


class LoopRepeated(Event, frozen=True, gc=False, kw_only=True):
    """A loop goes round again: what its nodes have led to is forgotten, and its first node starts anew.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node whose edge leads back.
    head: The node that it leads back to.
    round: Rounds of the loop before this one, since it was entered: from 1.
    total: How often it has gone round again in the whole run, from 1.
    body: The loop's nodes.
    kept: Those whose outputs are still seen, as `previous`.
    """

    NAME: ClassVar[str] = "headrace.run.LoopRepeated"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "LoopRepeated", "namespace": "headrace.run", "doc": "A loop goes round again: what its nodes have led to is forgotten, and its first node starts anew.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node whose edge leads back."}, {"name": "head", "type": "string", "doc": "The node that it leads back to."}, {"name": "round", "type": "int", "doc": "Rounds of the loop before this one, since it was entered: from 1."}, {"name": "total", "type": "int", "doc": "How often it has gone round again in the whole run, from 1."}, {"name": "body", "type": {"type": "array", "items": "string"}, "doc": "The loop\'s nodes."}, {"name": "kept", "type": {"type": "array", "items": "string"}, "doc": "Those whose outputs are still seen, as `previous`.", "default": []}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    head: str
    round: int
    total: int
    body: tuple[str, ...]
    kept: tuple[str, ...] = ()


class MapStarted(Event, frozen=True, gc=False, kw_only=True):
    """A node is about to run once for each item of a list; the instance for item 3 is called node[3].

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node's id.
    iteration: How often loops have repeated the node, from 0.
    items: JSON list: the items.
    count: How many they are.
    """

    NAME: ClassVar[str] = "headrace.run.MapStarted"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "MapStarted", "namespace": "headrace.run", "doc": "A node is about to run once for each item of a list; the instance for item 3 is called node[3].", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node\'s id."}, {"name": "iteration", "type": "int", "doc": "How often loops have repeated the node, from 0.", "default": 0}, {"name": "items", "type": "string", "doc": "JSON list: the items."}, {"name": "count", "type": "int", "doc": "How many they are."}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    iteration: int = 0
    items: str
    count: int


class NodeFailed(Event, frozen=True, gc=False, kw_only=True):
    """A node's attempt failed.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    code: Stable error code, such as timeout.
    message: What was wrong, where, what to do.
    retry_at: When the next attempt is due; null means that there is none.
    usage: What the attempt consumed all the same.
    calls: Every call of a provider, in order.
    taken: Nodes that the edges taken because of it lead to.
    signal: Place in the run's log of the signal that it waited for, and that is used up.
    """

    NAME: ClassVar[str] = "headrace.run.NodeFailed"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeFailed", "namespace": "headrace.run", "doc": "A node\'s attempt failed.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "code", "type": "string", "doc": "Stable error code, such as timeout."}, {"name": "message", "type": "string", "doc": "What was wrong, where, what to do."}, {"name": "retry_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When the next attempt is due; null means that there is none.", "default": null}, {"name": "usage", "type": ["null", {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}], "doc": "What the attempt consumed all the same.", "default": null}, {"name": "calls", "type": {"type": "array", "items": {"type": "record", "name": "Call", "namespace": "headrace.run", "doc": "One call of a model or another provider: failed ones too, and those that were not made, with the reason.", "fields": [{"name": "provider", "type": "string", "doc": "Who was called: the model\'s name@version, or the provider\'s name."}, {"name": "outcome", "type": "string", "doc": "ok, or the error code."}, {"name": "latency_ms", "type": "long", "doc": "From request to last byte, milliseconds."}, {"name": "usage", "type": ["null", "headrace.run.Usage"], "doc": "Tokens and money; null when nothing is counted.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why it failed, or was not made at all; null when it went well.", "default": null}, {"name": "charges", "type": {"type": "array", "items": {"type": "record", "name": "Charge", "namespace": "headrace.run", "doc": "What a budget was charged for a call.", "fields": [{"name": "budget", "type": "string", "doc": "The budget\'s name."}, {"name": "period", "type": "string", "doc": "The period that was charged: 2026-11-24, 2026-11 or total; times are UTC."}, {"name": "amount", "type": "string", "doc": "Money, as decimal text, in the budget\'s currency."}, {"name": "limit", "type": "string", "doc": "The budget\'s limit then, likewise."}]}}, "doc": "Budgets that it was charged to.", "default": []}]}}, "doc": "Every call of a provider, in order.", "default": []}, {"name": "taken", "type": {"type": "array", "items": "string"}, "doc": "Nodes that the edges taken because of it lead to.", "default": []}, {"name": "signal", "type": ["null", "long"], "doc": "Place in the run\'s log of the signal that it waited for, and that is used up.", "default": null}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    iteration: int = 0
    attempt: int = 1
    code: str
    message: str
    retry_at: int | None = None
    usage: Usage | None = None
    calls: tuple[Call, ...] = ()
    taken: tuple[str, ...] = ()
    signal: int | None = None


class NodeHeld(Event, frozen=True, gc=False, kw_only=True):
    """A node waits to be started: its workflow is paused, or one decision has led to very much already.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node's id.
    iteration: How often loops have repeated the node, from 0.
    attempt: Attempt, from 1.
    """

    NAME: ClassVar[str] = "headrace.run.NodeHeld"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeHeld", "namespace": "headrace.run", "doc": "A node waits to be started: its workflow is paused, or one decision has led to very much already.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node\'s id."}, {"name": "iteration", "type": "int", "doc": "How often loops have repeated the node, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    iteration: int = 0
    attempt: int = 1


class NodeResult(Event, frozen=True, gc=False, kw_only=True):
    """State of a node that ended. Key: run id/node id.

    status: succeeded, failed or skipped.
    iteration: Round of the loop, from 0.
    attempt: Attempt, from 1.
    output: JSON; null unless it succeeded.
    taken: Nodes that the edges taken lead to.
    error: Null unless it failed.
    """

    NAME: ClassVar[str] = "headrace.run.NodeResult"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeResult", "namespace": "headrace.run", "doc": "State of a node that ended. Key: run id/node id.", "fields": [{"name": "status", "type": "string", "doc": "succeeded, failed or skipped."}, {"name": "iteration", "type": "int", "doc": "Round of the loop, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "output", "type": ["null", "string"], "doc": "JSON; null unless it succeeded.", "default": null}, {"name": "taken", "type": {"type": "array", "items": "string"}, "doc": "Nodes that the edges taken lead to.", "default": []}, {"name": "error", "type": ["null", {"type": "record", "name": "NodeError", "namespace": "headrace.run", "doc": "Why a node failed in the end.", "fields": [{"name": "code", "type": "string", "doc": "Error code."}, {"name": "message", "type": "string", "doc": "What was wrong."}]}], "doc": "Null unless it failed.", "default": null}]}'

    status: str
    iteration: int = 0
    attempt: int = 1
    output: str | None = None
    taken: tuple[str, ...] = ()
    error: NodeError | None = None


class NodeScheduled(Event, frozen=True, gc=False, kw_only=True):
    """A node's attempt was handed to its worker.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    type: The node's type, such as model_invoke.
    input: JSON object: the node's bindings, evaluated.
    deadline: When the attempt counts as timed out.
    """

    NAME: ClassVar[str] = "headrace.run.NodeScheduled"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeScheduled", "namespace": "headrace.run", "doc": "A node\'s attempt was handed to its worker.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "type", "type": "string", "doc": "The node\'s type, such as model_invoke."}, {"name": "input", "type": "string", "doc": "JSON object: the node\'s bindings, evaluated."}, {"name": "deadline", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When the attempt counts as timed out.", "default": null}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    iteration: int = 0
    attempt: int = 1
    type: str
    input: str
    deadline: int | None = None


class NodeSkipped(Event, frozen=True, gc=False, kw_only=True):
    """A node will not run: no path leads to it any more.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node's id.
    iteration: Round of the loop, from 0.
    reason: Which condition ruled it out.
    """

    NAME: ClassVar[str] = "headrace.run.NodeSkipped"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeSkipped", "namespace": "headrace.run", "doc": "A node will not run: no path leads to it any more.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node\'s id."}, {"name": "iteration", "type": "int", "doc": "Round of the loop, from 0.", "default": 0}, {"name": "reason", "type": "string", "doc": "Which condition ruled it out."}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    iteration: int = 0
    reason: str


class NodeSucceeded(Event, frozen=True, gc=False, kw_only=True):
    """A node's attempt ended well.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    output: JSON.
    usage: What the attempt consumed.
    calls: Every call of a provider, in order.
    taken: Nodes that the edges taken lead to.
    started_at: When the worker began.
    finished_at: When the worker ended.
    signal: Place in the run's log of the signal that it waited for.
    """

    NAME: ClassVar[str] = "headrace.run.NodeSucceeded"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "NodeSucceeded", "namespace": "headrace.run", "doc": "A node\'s attempt ended well.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "output", "type": "string", "doc": "JSON."}, {"name": "usage", "type": ["null", {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}], "doc": "What the attempt consumed.", "default": null}, {"name": "calls", "type": {"type": "array", "items": {"type": "record", "name": "Call", "namespace": "headrace.run", "doc": "One call of a model or another provider: failed ones too, and those that were not made, with the reason.", "fields": [{"name": "provider", "type": "string", "doc": "Who was called: the model\'s name@version, or the provider\'s name."}, {"name": "outcome", "type": "string", "doc": "ok, or the error code."}, {"name": "latency_ms", "type": "long", "doc": "From request to last byte, milliseconds."}, {"name": "usage", "type": ["null", "headrace.run.Usage"], "doc": "Tokens and money; null when nothing is counted.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why it failed, or was not made at all; null when it went well.", "default": null}, {"name": "charges", "type": {"type": "array", "items": {"type": "record", "name": "Charge", "namespace": "headrace.run", "doc": "What a budget was charged for a call.", "fields": [{"name": "budget", "type": "string", "doc": "The budget\'s name."}, {"name": "period", "type": "string", "doc": "The period that was charged: 2026-11-24, 2026-11 or total; times are UTC."}, {"name": "amount", "type": "string", "doc": "Money, as decimal text, in the budget\'s currency."}, {"name": "limit", "type": "string", "doc": "The budget\'s limit then, likewise."}]}}, "doc": "Budgets that it was charged to.", "default": []}]}}, "doc": "Every call of a provider, in order.", "default": []}, {"name": "taken", "type": {"type": "array", "items": "string"}, "doc": "Nodes that the edges taken lead to.", "default": []}, {"name": "started_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the worker began."}, {"name": "finished_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the worker ended."}, {"name": "signal", "type": ["null", "long"], "doc": "Place in the run\'s log of the signal that it waited for.", "default": null}]}'

    seq: int
    prev: bytes
    at: int
    node: str
    iteration: int = 0
    attempt: int = 1
    output: str
    usage: Usage | None = None
    calls: tuple[Call, ...] = ()
    taken: tuple[str, ...] = ()
    started_at: int
    finished_at: int
    signal: int | None = None


class RunCancelled(Event, frozen=True, gc=False, kw_only=True):
    """A run was cancelled.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    workflow: name@version; the reference as asked where it could not be resolved.
    started_at: When the run began.
    finished_at: When the run ended.
    reason: The caller's reason.
    usage: What the whole run consumed.
    """

    NAME: ClassVar[str] = "headrace.run.RunCancelled"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "RunCancelled", "namespace": "headrace.run", "doc": "A run was cancelled.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "workflow", "type": "string", "doc": "name@version; the reference as asked where it could not be resolved."}, {"name": "started_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the run began."}, {"name": "finished_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the run ended."}, {"name": "reason", "type": "string", "doc": "The caller\'s reason."}, {"name": "usage", "type": {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}, "doc": "What the whole run consumed."}]}'

    seq: int
    prev: bytes
    workflow: str
    started_at: int
    finished_at: int
    reason: str
    usage: Usage


class RunCompleted(Event, frozen=True, gc=False, kw_only=True):
    """A run ended well.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    workflow: name@version; the reference as asked where it could not be resolved.
    started_at: When the run began.
    finished_at: When the run ended.
    output: JSON object.
    usage: What the whole run consumed.
    """

    NAME: ClassVar[str] = "headrace.run.RunCompleted"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "RunCompleted", "namespace": "headrace.run", "doc": "A run ended well.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "workflow", "type": "string", "doc": "name@version; the reference as asked where it could not be resolved."}, {"name": "started_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the run began."}, {"name": "finished_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the run ended."}, {"name": "output", "type": "string", "doc": "JSON object."}, {"name": "usage", "type": {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}, "doc": "What the whole run consumed."}]}'

    seq: int
    prev: bytes
    workflow: str
    started_at: int
    finished_at: int
    output: str
    usage: Usage


class RunFailed(Event, frozen=True, gc=False, kw_only=True):
    """A run failed, or its request was refused.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    workflow: name@version; the reference as asked where it could not be resolved.
    started_at: When the run began.
    finished_at: When the run ended.
    code: workflow_not_found, input_invalid, node_failed, deadline_exceeded, ...
    message: What was wrong, where, what to do.
    node: The node that failed.
    usage: What the whole run consumed.
    parent: The run that asked for this one; null if a caller did.
    """

    NAME: ClassVar[str] = "headrace.run.RunFailed"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "RunFailed", "namespace": "headrace.run", "doc": "A run failed, or its request was refused.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "workflow", "type": "string", "doc": "name@version; the reference as asked where it could not be resolved."}, {"name": "started_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the run began."}, {"name": "finished_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the run ended."}, {"name": "code", "type": "string", "doc": "workflow_not_found, input_invalid, node_failed, deadline_exceeded, ..."}, {"name": "message", "type": "string", "doc": "What was wrong, where, what to do."}, {"name": "node", "type": ["null", "string"], "doc": "The node that failed.", "default": null}, {"name": "usage", "type": {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}, "doc": "What the whole run consumed."}, {"name": "parent", "type": ["null", {"type": "record", "name": "Parent", "namespace": "headrace.run", "doc": "The node of another run whose work this run does.", "fields": [{"name": "run", "type": "string", "doc": "The other run\'s id."}, {"name": "node", "type": "string", "doc": "The node\'s id there."}, {"name": "iteration", "type": "int", "doc": "Its iteration.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Its attempt.", "default": 1}, {"name": "depth", "type": "int", "doc": "How many runs are above this one.", "default": 1}]}], "doc": "The run that asked for this one; null if a caller did.", "default": null}]}'

    seq: int
    prev: bytes
    workflow: str
    started_at: int
    finished_at: int
    code: str
    message: str
    node: str | None = None
    usage: Usage
    parent: Parent | None = None


class RunHead(Event, frozen=True, gc=False, kw_only=True):
    """State of a run in flight: what changes with every step. Key: the run id.

    seq: The next event's place in the log.
    prev: Digest of the last event's value.
    status: running, or ended: an ended run keeps only this entry, so that its id starts no second run.
    outstanding: By node id.
    usage: Consumed so far.
    loops: By the node whose edge leads back.
    maps: By node id.
    seen: Ids of signals that came, the last ones, in short.
    """

    NAME: ClassVar[str] = "headrace.run.RunHead"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "RunHead", "namespace": "headrace.run", "doc": "State of a run in flight: what changes with every step. Key: the run id.", "fields": [{"name": "seq", "type": "long", "doc": "The next event\'s place in the log."}, {"name": "prev", "type": "bytes", "doc": "Digest of the last event\'s value."}, {"name": "status", "type": "string", "doc": "running, or ended: an ended run keeps only this entry, so that its id starts no second run."}, {"name": "outstanding", "type": {"type": "map", "values": {"type": "record", "name": "Attempt", "namespace": "headrace.run", "doc": "An attempt that is under way or will be.", "fields": [{"name": "status", "type": "string", "doc": "scheduled (a worker, a child or a signal is waited for), retrying, mapped or held."}, {"name": "iteration", "type": "int", "doc": "Round of the loop, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "due", "type": ["null", "long"], "doc": "Epoch milliseconds: the attempt\'s time-out, when the retry starts, or when the delay is over.", "default": null}, {"name": "type", "type": "string", "doc": "The node\'s type; empty while nothing is scheduled.", "default": ""}]}}, "doc": "By node id.", "default": {}}, {"name": "usage", "type": ["null", {"type": "record", "name": "Usage", "namespace": "headrace.run", "doc": "What a run or node consumed.", "fields": [{"name": "input_tokens", "type": "long", "doc": "Tokens sent to models."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received from models."}, {"name": "cost", "type": "string", "doc": "Money, as decimal text."}, {"name": "currency", "type": "string", "doc": "ISO 4217 code."}, {"name": "cached_tokens", "type": "long", "doc": "Those of the input that the provider had in its cache.", "default": 0}, {"name": "estimated", "type": "boolean", "doc": "Whether tokens were estimated, because a provider did not count them.", "default": false}]}], "doc": "Consumed so far.", "default": null}, {"name": "loops", "type": {"type": "map", "values": {"type": "record", "name": "Loop", "namespace": "headrace.run", "doc": "Where a loop is.", "fields": [{"name": "round", "type": "int", "doc": "Rounds since it was entered."}, {"name": "total", "type": "int", "doc": "How often it has gone round again in the whole run."}]}}, "doc": "By the node whose edge leads back.", "default": {}}, {"name": "maps", "type": {"type": "map", "values": {"type": "record", "name": "MapProgress", "namespace": "headrace.run", "doc": "Where a map is.", "fields": [{"name": "iteration", "type": "int", "doc": "The node\'s iteration.", "default": 0}, {"name": "count", "type": "int", "doc": "Its items."}, {"name": "started", "type": "int", "doc": "Items whose instances have started, in order."}, {"name": "ended", "type": "int", "doc": "Items that ended."}, {"name": "failed", "type": "int", "doc": "Those of them that failed."}]}}, "doc": "By node id.", "default": {}}, {"name": "seen", "type": {"type": "array", "items": "string"}, "doc": "Ids of signals that came, the last ones, in short.", "default": []}]}'

    seq: int
    prev: bytes
    status: str
    outstanding: Mapping[str, Attempt] = {}
    usage: Usage | None = None
    loops: Mapping[str, Loop] = {}
    maps: Mapping[str, MapProgress] = {}
    seen: tuple[str, ...] = ()


class RunStarted(Event, frozen=True, gc=False, kw_only=True):
    """A run began; everything that it depends on is pinned.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    workflow: name@version.
    input: JSON object, defaults filled in.
    session: Conversation that the run belongs to.
    tenant: Who is charged.
    actor: Who asked.
    labels: The caller's own labels.
    deadline: When the run fails with deadline_exceeded.
    correlation: The request's correlation id, carried by everything that the run leads to; null means the run id.
    traceparent: The request's trace (W3C Trace Context), carried likewise.
    sticky: The request's key for pointers that split traffic; null: the session, else the run id.
    pins: The run's lock file.
    parent: The run that asked for this one; null if a caller did.
    """

    NAME: ClassVar[str] = "headrace.run.RunStarted"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "RunStarted", "namespace": "headrace.run", "doc": "A run began; everything that it depends on is pinned.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "workflow", "type": "string", "doc": "name@version."}, {"name": "input", "type": "string", "doc": "JSON object, defaults filled in."}, {"name": "session", "type": ["null", "string"], "doc": "Conversation that the run belongs to.", "default": null}, {"name": "tenant", "type": ["null", "string"], "doc": "Who is charged.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asked.", "default": null}, {"name": "labels", "type": {"type": "map", "values": "string"}, "doc": "The caller\'s own labels.", "default": {}}, {"name": "deadline", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When the run fails with deadline_exceeded.", "default": null}, {"name": "correlation", "type": ["null", "string"], "doc": "The request\'s correlation id, carried by everything that the run leads to; null means the run id.", "default": null}, {"name": "traceparent", "type": ["null", "string"], "doc": "The request\'s trace (W3C Trace Context), carried likewise.", "default": null}, {"name": "sticky", "type": ["null", "string"], "doc": "The request\'s key for pointers that split traffic; null: the session, else the run id.", "default": null}, {"name": "pins", "type": {"type": "array", "items": {"type": "record", "name": "Pin", "namespace": "headrace.run", "doc": "One resource that a run is bound to for its whole life.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "ref", "type": "string", "doc": "The reference as the workflow wrote it, such as answer@production."}, {"name": "name", "type": "string", "doc": "The resource\'s name."}, {"name": "version", "type": "int", "doc": "The version that the reference meant when the run started."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the version\'s canonical spec, hexadecimal."}, {"name": "weight", "type": "int", "doc": "The version\'s weight when its pointer split traffic; 0 when one version had all of it.", "default": 0}, {"name": "weights", "type": "int", "doc": "The sum of all weights of that split; 0 likewise.", "default": 0}]}}, "doc": "The run\'s lock file.", "default": []}, {"name": "parent", "type": ["null", {"type": "record", "name": "Parent", "namespace": "headrace.run", "doc": "The node of another run whose work this run does.", "fields": [{"name": "run", "type": "string", "doc": "The other run\'s id."}, {"name": "node", "type": "string", "doc": "The node\'s id there."}, {"name": "iteration", "type": "int", "doc": "Its iteration.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Its attempt.", "default": 1}, {"name": "depth", "type": "int", "doc": "How many runs are above this one.", "default": 1}]}], "doc": "The run that asked for this one; null if a caller did.", "default": null}]}'

    seq: int
    prev: bytes
    at: int
    workflow: str
    input: str
    session: str | None = None
    tenant: str | None = None
    actor: str | None = None
    labels: Mapping[str, str] = {}
    deadline: int | None = None
    correlation: str | None = None
    traceparent: str | None = None
    sticky: str | None = None
    pins: tuple[Pin, ...] = ()
    parent: Parent | None = None


class SignalReceived(Event, frozen=True, gc=False, kw_only=True):
    """A signal for the run arrived.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    signal: The signal's name.
    payload: JSON.
    id: Digest of the signal's ce_id, or of its place: the same signal again is passed over.
    """

    NAME: ClassVar[str] = "headrace.run.SignalReceived"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "SignalReceived", "namespace": "headrace.run", "doc": "A signal for the run arrived.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "signal", "type": "string", "doc": "The signal\'s name."}, {"name": "payload", "type": "string", "doc": "JSON."}, {"name": "id", "type": "string", "doc": "Digest of the signal\'s ce_id, or of its place: the same signal again is passed over.", "default": ""}]}'

    seq: int
    prev: bytes
    at: int
    signal: str
    payload: str
    id: str = ''


class SignalRefused(Event, frozen=True, gc=False, kw_only=True):
    """A signal for the run does not fit what waits for it.

    seq: Place in the run's log, from 0, without gaps.
    prev: SHA-256 of the run's previous record's value as it stands on the topic; 32 zero bytes in the first.
    at: When the service decided it.
    signal: The signal's name.
    reason: What was wrong with it.
    node: The node that goes on waiting.
    id: Digest of the signal's ce_id, or of its place: the same signal again is passed over.
    """

    NAME: ClassVar[str] = "headrace.run.SignalRefused"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "SignalRefused", "namespace": "headrace.run", "doc": "A signal for the run does not fit what waits for it.", "fields": [{"name": "seq", "type": "long", "doc": "Place in the run\'s log, from 0, without gaps."}, {"name": "prev", "type": "bytes", "doc": "SHA-256 of the run\'s previous record\'s value as it stands on the topic; 32 zero bytes in the first."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "signal", "type": "string", "doc": "The signal\'s name."}, {"name": "reason", "type": "string", "doc": "What was wrong with it."}, {"name": "node", "type": ["null", "string"], "doc": "The node that goes on waiting.", "default": null}, {"name": "id", "type": "string", "doc": "Digest of the signal\'s ce_id, or of its place: the same signal again is passed over.", "default": ""}]}'

    seq: int
    prev: bytes
    at: int
    signal: str
    reason: str
    node: str | None = None
    id: str = ''


class SignalRun(Event, frozen=True, gc=False, kw_only=True):
    """Tell a run that something happened outside. The record's key is the run id.

    signal: The signal's name.
    payload: JSON.
    """

    NAME: ClassVar[str] = "headrace.run.SignalRun"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "SignalRun", "namespace": "headrace.run", "doc": "Tell a run that something happened outside. The record\'s key is the run id.", "fields": [{"name": "signal", "type": "string", "doc": "The signal\'s name."}, {"name": "payload", "type": "string", "doc": "JSON."}]}'

    signal: str
    payload: str


class StartChild(Event, frozen=True, gc=False, kw_only=True):
    """Start the run of a workflow that is a node of another run. The record's key is the new run's id.

    workflow: name@version.
    input: JSON object.
    parent: Who asks.
    session: Conversation that the run belongs to.
    tenant: Who is charged.
    actor: Who asks, for the audit trail.
    labels: The caller's own labels.
    sticky: Equal keys get equal versions where a pointer splits traffic; null means the session, else the run id.
    deadline: When the other run gives up.
    pins: The run's lock file.
    """

    NAME: ClassVar[str] = "headrace.run.StartChild"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "StartChild", "namespace": "headrace.run", "doc": "Start the run of a workflow that is a node of another run. The record\'s key is the new run\'s id.", "fields": [{"name": "workflow", "type": "string", "doc": "name@version."}, {"name": "input", "type": "string", "doc": "JSON object."}, {"name": "parent", "type": {"type": "record", "name": "Parent", "namespace": "headrace.run", "doc": "The node of another run whose work this run does.", "fields": [{"name": "run", "type": "string", "doc": "The other run\'s id."}, {"name": "node", "type": "string", "doc": "The node\'s id there."}, {"name": "iteration", "type": "int", "doc": "Its iteration.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Its attempt.", "default": 1}, {"name": "depth", "type": "int", "doc": "How many runs are above this one.", "default": 1}]}, "doc": "Who asks."}, {"name": "session", "type": ["null", "string"], "doc": "Conversation that the run belongs to.", "default": null}, {"name": "tenant", "type": ["null", "string"], "doc": "Who is charged.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, for the audit trail.", "default": null}, {"name": "labels", "type": {"type": "map", "values": "string"}, "doc": "The caller\'s own labels.", "default": {}}, {"name": "sticky", "type": ["null", "string"], "doc": "Equal keys get equal versions where a pointer splits traffic; null means the session, else the run id.", "default": null}, {"name": "deadline", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When the other run gives up.", "default": null}, {"name": "pins", "type": {"type": "array", "items": {"type": "record", "name": "Pin", "namespace": "headrace.run", "doc": "One resource that a run is bound to for its whole life.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "ref", "type": "string", "doc": "The reference as the workflow wrote it, such as answer@production."}, {"name": "name", "type": "string", "doc": "The resource\'s name."}, {"name": "version", "type": "int", "doc": "The version that the reference meant when the run started."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the version\'s canonical spec, hexadecimal."}, {"name": "weight", "type": "int", "doc": "The version\'s weight when its pointer split traffic; 0 when one version had all of it.", "default": 0}, {"name": "weights", "type": "int", "doc": "The sum of all weights of that split; 0 likewise.", "default": 0}]}}, "doc": "The run\'s lock file.", "default": []}]}'

    workflow: str
    input: str
    parent: Parent
    session: str | None = None
    tenant: str | None = None
    actor: str | None = None
    labels: Mapping[str, str] = {}
    sticky: str | None = None
    deadline: int | None = None
    pins: tuple[Pin, ...] = ()


class StartRun(Event, frozen=True, gc=False, kw_only=True):
    """Start a run of a workflow. The record's key is the run id; the same id never starts a second run.

    workflow: name, name@7 or name@production; a bare name means name@production.
    input: The workflow's input: a JSON object.
    session: Conversation that the run belongs to.
    tenant: Who is charged.
    actor: Who asks, for the audit trail.
    labels: The caller's own labels.
    deadline_ms: Milliseconds that the run may take; null means the workflow's own limit.
    sticky: Equal keys get equal versions where a pointer splits traffic; null means the session, else the run id.
    """

    NAME: ClassVar[str] = "headrace.run.StartRun"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "StartRun", "namespace": "headrace.run", "doc": "Start a run of a workflow. The record\'s key is the run id; the same id never starts a second run.", "fields": [{"name": "workflow", "type": "string", "doc": "name, name@7 or name@production; a bare name means name@production."}, {"name": "input", "type": "string", "doc": "The workflow\'s input: a JSON object."}, {"name": "session", "type": ["null", "string"], "doc": "Conversation that the run belongs to.", "default": null}, {"name": "tenant", "type": ["null", "string"], "doc": "Who is charged.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, for the audit trail.", "default": null}, {"name": "labels", "type": {"type": "map", "values": "string"}, "doc": "The caller\'s own labels.", "default": {}}, {"name": "deadline_ms", "type": ["null", "long"], "doc": "Milliseconds that the run may take; null means the workflow\'s own limit.", "default": null}, {"name": "sticky", "type": ["null", "string"], "doc": "Equal keys get equal versions where a pointer splits traffic; null means the session, else the run id.", "default": null}]}'

    workflow: str
    input: str
    session: str | None = None
    tenant: str | None = None
    actor: str | None = None
    labels: Mapping[str, str] = {}
    deadline_ms: int | None = None
    sticky: str | None = None


class TokensStreamed(Event, frozen=True, gc=False, kw_only=True):
    """A piece of a model's answer, while it comes. Never the truth: the node's outcome is. Key: the run id.

    node: The node's id in the workflow.
    iteration: Round of the loop that the node is in, from 0.
    attempt: Attempt, from 1.
    restart: How often the answer began anew on another model, or the same; what came before a restart is void.
    seq: Place of the piece in the answer, from 0 in each restart.
    model: Who answers: the model's name@version.
    text: The piece.
    at: When the service decided it.
    """

    NAME: ClassVar[str] = "headrace.run.TokensStreamed"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "TokensStreamed", "namespace": "headrace.run", "doc": "A piece of a model\'s answer, while it comes. Never the truth: the node\'s outcome is. Key: the run id.", "fields": [{"name": "node", "type": "string", "doc": "The node\'s id in the workflow."}, {"name": "iteration", "type": "int", "doc": "Round of the loop that the node is in, from 0.", "default": 0}, {"name": "attempt", "type": "int", "doc": "Attempt, from 1.", "default": 1}, {"name": "restart", "type": "int", "doc": "How often the answer began anew on another model, or the same; what came before a restart is void.", "default": 0}, {"name": "seq", "type": "int", "doc": "Place of the piece in the answer, from 0 in each restart."}, {"name": "model", "type": "string", "doc": "Who answers: the model\'s name@version."}, {"name": "text", "type": "string", "doc": "The piece."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}]}'

    node: str
    iteration: int = 0
    attempt: int = 1
    restart: int = 0
    seq: int
    model: str
    text: str
    at: int
