"""The job: both halves around the port, and what is measured of a call."""

import time
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from headrace.errors import NodeError
from headrace.events.node import ExecuteNode
from headrace.worker import Done, NodeJob
from model_invoke import core
from model_invoke.model import Answered, Plan
from model_invoke.ports import Chat, ProviderFault

TOKENS = Counter("headrace_model_tokens_total", "Tokens of answered calls.", ("model", "direction"))
SECONDS = Histogram(
    "headrace_model_seconds",
    "One call of a provider.",
    ("model", "outcome"),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)

_log = structlog.get_logger(__name__)


class ModelInvokeJob(NodeJob[Plan]):
    """Calls models. Paid, so it is journaled: what `perform` returns is JSON, and is read again after a repetition."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def plan(self, request: ExecuteNode) -> Plan:
        """The call. Raises NodeError for what is wrong before anything is sent."""
        return core.plan(request.config, request.input, request.deadline)

    async def perform(self, call: Plan) -> Any:
        """The answer. Raises NodeError, with the failed call in it."""
        timeout_s = call.timeout_s(time.time_ns() // 1_000_000)
        if timeout_s <= 0:
            raise NodeError("timeout", "too little is left until the deadline; no call was made", retryable=True)
        began = time.perf_counter()
        try:
            completion = await self._chat.complete(call.request, timeout_s)
        except ProviderFault as fault:
            raise core.failure(call, fault, _measured(call, fault.code, began)) from fault
        answered = Answered(completion, _measured(call, "ok", began))
        _count(call, answered)
        return msgspec.to_builtins(answered)

    def interpret(self, call: Plan, answer: Any) -> Done:
        """The output and what it cost. Raises NodeError output_invalid."""
        return core.interpret(call, msgspec.convert(answer, Answered))

    def repeat_ambiguous(self, call: Plan) -> bool:
        """As the node says: to be charged twice, or to fail."""
        return call.repeat_ambiguous


def _measured(call: Plan, outcome: str, began: float) -> int:
    """Milliseconds since a call began, noted."""
    seconds = time.perf_counter() - began
    SECONDS.labels(call.provider, outcome).observe(seconds)
    return round(seconds * 1000)


def _count(call: Plan, answered: Answered) -> None:
    usage = core.usage_of(call, answered.completion)
    TOKENS.labels(call.provider, "input").inc(usage.input_tokens)
    TOKENS.labels(call.provider, "output").inc(usage.output_tokens)
    if answered.completion.tokens is None:
        _log.warning("the provider does not count tokens; they are estimated", model=call.provider)
