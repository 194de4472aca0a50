"""Events of the domain `usage`.

Generated from `schemas/usage/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event


class UsageAlert(Event, frozen=True, gc=False, kw_only=True):
    """Somebody should look: a budget nears its limit, or a model fails often. Key: about.

    at: When it was seen.
    kind: budget or errors.
    about: The budget's name and period, or the model's name.
    message: What is so, in words.
    value: What was measured: the share of the limit, or of calls that failed; decimal text.
    threshold: What it reached; likewise.
    """

    NAME: ClassVar[str] = "headrace.usage.UsageAlert"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "UsageAlert", "namespace": "headrace.usage", "doc": "Somebody should look: a budget nears its limit, or a model fails often. Key: about.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it was seen."}, {"name": "kind", "type": "string", "doc": "budget or errors."}, {"name": "about", "type": "string", "doc": "The budget\'s name and period, or the model\'s name."}, {"name": "message", "type": "string", "doc": "What is so, in words."}, {"name": "value", "type": "string", "doc": "What was measured: the share of the limit, or of calls that failed; decimal text."}, {"name": "threshold", "type": "string", "doc": "What it reached; likewise."}]}'

    at: int
    kind: str
    about: str
    message: str
    value: str
    threshold: str


class UsageWindow(Event, frozen=True, gc=False, kw_only=True):
    """What calls of models took in one window, told by one partition; sums of all partitions and versions add up. Key: by/name@version/start/partition.

    by: model, prompt, workflow or tenant.
    name: Its name, without a version.
    version: Its version; null for a tenant.
    start: When the window begins.
    end: When it ends; calls at this time are in the next.
    calls: Calls that ended in it.
    errors: Those of them that failed.
    input_tokens: Tokens sent.
    output_tokens: Tokens received.
    cached_tokens: Those sent that the provider had in its cache.
    costs: Money by currency, as decimal text.
    latency_ms: Sum over all calls, milliseconds.
    slowest_ms: The slowest call, milliseconds.
    """

    NAME: ClassVar[str] = "headrace.usage.UsageWindow"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "UsageWindow", "namespace": "headrace.usage", "doc": "What calls of models took in one window, told by one partition; sums of all partitions and versions add up. Key: by/name@version/start/partition.", "fields": [{"name": "by", "type": "string", "doc": "model, prompt, workflow or tenant."}, {"name": "name", "type": "string", "doc": "Its name, without a version."}, {"name": "version", "type": ["null", "long"], "doc": "Its version; null for a tenant.", "default": null}, {"name": "start", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the window begins."}, {"name": "end", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it ends; calls at this time are in the next."}, {"name": "calls", "type": "long", "doc": "Calls that ended in it."}, {"name": "errors", "type": "long", "doc": "Those of them that failed."}, {"name": "input_tokens", "type": "long", "doc": "Tokens sent."}, {"name": "output_tokens", "type": "long", "doc": "Tokens received."}, {"name": "cached_tokens", "type": "long", "doc": "Those sent that the provider had in its cache."}, {"name": "costs", "type": {"type": "map", "values": "string"}, "doc": "Money by currency, as decimal text."}, {"name": "latency_ms", "type": "long", "doc": "Sum over all calls, milliseconds."}, {"name": "slowest_ms", "type": "long", "doc": "The slowest call, milliseconds."}]}'

    by: str
    name: str
    version: int | None = None
    start: int
    end: int
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    costs: Mapping[str, str]
    latency_ms: int
    slowest_ms: int
