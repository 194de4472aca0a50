"""What the candidates of one attempt have done so far, as it is measured, told and answered for."""

import time
from collections.abc import Sequence

import structlog
from prometheus_client import Counter, Histogram

from headrace.errors import NodeError
from headrace.events.run import Call, Charge, Usage
from model_invoke.core import outcome
from model_invoke.core.outcome import NoAnswer
from model_invoke.model import PinnedModel, Plan
from model_invoke.ports import Announcer

TOKENS = Counter("headrace_model_tokens_total", "Tokens of calls.", ("model", "direction"))
SECONDS = Histogram(
    "headrace_model_seconds",
    "One call of a provider.",
    ("model", "outcome"),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
REJECTED = Counter("headrace_model_rejected_total", "Candidates that were not called.", ("model", "reason"))

_log = structlog.get_logger(__name__)


class Trail:
    """The calls of one attempt, and those that were not made, in their order."""

    def __init__(self, plan: Plan, announcer: Announcer) -> None:
        self._plan = plan
        self._announcer = announcer
        self._unanswered: list[tuple[str, NoAnswer]] = []
        self.calls: list[Call] = []

    def rejected(self, model: PinnedModel, no_answer: NoAnswer) -> None:
        """Note a candidate that is not called."""
        self._unanswered.append((str(model), no_answer))
        REJECTED.labels(str(model), no_answer.code).inc()
        self.calls.append(Call(provider=str(model), outcome=no_answer.code, latency_ms=0, reason=no_answer.reason))

    def called(
        self,
        model: PinnedModel,
        number: int,
        *,
        seconds: float,
        usage: Usage | None,
        charges: Sequence[Charge] = (),
        no_answer: NoAnswer | None = None,
    ) -> None:
        """Note a call, and tell of it. no_answer: why it gave no answer that can be used."""
        name, code = str(model), no_answer.code if no_answer else "ok"
        call = Call(
            provider=name,
            outcome=code,
            latency_ms=round(seconds * 1000),
            usage=usage,
            reason=no_answer.reason if no_answer else None,
            charges=tuple(charges),
        )
        self.calls.append(call)
        if no_answer is not None:
            self._unanswered.append((name, no_answer))
        SECONDS.labels(name, code).observe(seconds)
        self._count(name, usage)
        told = outcome.called(self._plan, model, number, call, time.time_ns() // 1_000_000)
        self._announcer.tell(model.name, told, correlation=self._plan.work.run)

    def exhausted(self) -> NodeError:
        """The error when nobody has answered."""
        return outcome.exhausted(self._unanswered, self.calls)

    def failed(self, code: str, message: str, *, retryable: bool = False) -> NodeError:
        """An error of the whole attempt, with what its calls cost."""
        return outcome.failed(code, message, self.calls, retryable=retryable)

    def _count(self, name: str, usage: Usage | None) -> None:
        if usage is None:
            return
        TOKENS.labels(name, "input").inc(usage.input_tokens)
        TOKENS.labels(name, "output").inc(usage.output_tokens)
        if usage.estimated:
            _log.warning("the provider does not count tokens; they are estimated", model=name)
