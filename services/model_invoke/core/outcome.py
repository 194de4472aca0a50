"""From what the candidates did to the node's outcome, and to the event of each call."""

from collections.abc import Sequence
from typing import NamedTuple

from headrace.errors import LONGEST_REASON, NodeError
from headrace.events.model import ModelCalled
from headrace.events.resource import BodyUnusable
from headrace.events.run import Call
from headrace.prompting import FORMULA, PinnedPrompt
from headrace.worker import Done
from model_invoke.core.usage import total
from model_invoke.model import Answered, Completion, PinnedModel, Plan
from model_invoke.ports import ProviderFault, Rejected

OVER = "budget_exceeded"
LONGEST_ONE = 300
"""Characters of one candidate's reason where several are named."""


class NoAnswer(NamedTuple):
    """Why a candidate gave no answer. called: whether it was asked at all."""

    code: str
    reason: str
    retryable: bool
    called: bool


STOPPED = NoAnswer(
    "run_stopped", f"cut off, for its run has ended (it may be charged; tokens are estimated: {FORMULA})", False, True
)
"""Of a call that nobody waits for any more."""


def interpret(answered: Answered) -> Done:
    """The output, and what all calls of the attempt cost together."""
    return Done(answered.output, total(answered.calls), answered.calls)


def no_answer(fault: ProviderFault | Rejected, *, sensitive: bool, charged: bool = False) -> NoAnswer:
    """What is said of a candidate. Of a sensitive prompt nothing that a provider says, for it may repeat the prompt.

    charged: whether a cost was estimated.
    """
    called = isinstance(fault, ProviderFault)
    hidden = f"{fault.code}; the prompt is sensitive, so the provider's words are not repeated"
    reason = hidden if called and sensitive else str(fault)
    if charged:
        reason += f" (it may be charged; the input is estimated: {FORMULA})"
    return NoAnswer(fault.code, reason[:LONGEST_REASON], fault.retryable, called)


def bug(error: Exception, heard: Completion | None = None) -> ProviderFault:
    """An exception that nobody expects, of a call that may have been made all the same. heard: what was answered."""
    message = f"a bug in the worker: {type(error).__name__}; its log tells more"
    tokens = heard.tokens if heard else None
    return ProviderFault("internal_error", message, retryable=False, worked=True, tokens=tokens)


def exhausted(unanswered: Sequence[tuple[str, NoAnswer]], calls: Sequence[Call]) -> NodeError:
    """The error when no candidate has answered, given each one's name and reason.

    Its code is that of the last one that was called; if none was, that of the first, but a budget's before others.
    Another attempt may help if it may help any of them.
    """
    asked = [why for _, why in unanswered if why.called]
    short = [why for _, why in unanswered if why.code == OVER]
    decisive = asked[-1] if asked else (*short, unanswered[0][1])[0]
    message = decisive.reason
    if len(unanswered) > 1:
        each = "; ".join(f"{name}: {why.code}: {why.reason:.{LONGEST_ONE}}" for name, why in unanswered)
        message = f"no model answered: {each}"
    retryable = any(why.retryable for _, why in unanswered)
    return failed(decisive.code, message[:LONGEST_REASON], calls, retryable=retryable)


def failed(code: str, message: str, calls: Sequence[Call], *, retryable: bool = False) -> NodeError:
    """An error with what the attempt's calls cost all the same."""
    return NodeError(code, message, retryable=retryable, usage=total(calls), calls=tuple(calls))


def called(plan: Plan, model: PinnedModel, number: int, call: Call, at: int) -> ModelCalled:
    """The event of a call that was made; at: when it ended, epoch milliseconds."""
    return ModelCalled(
        id=plan.call_id(number),
        at=at,
        model=str(model),
        alias=None if model.alias is None else str(model.alias),
        prompt=str(plan.config.prompt),
        workflow=plan.work.workflow,
        tenant=plan.work.tenant,
        run_id=plan.work.run,
        node=plan.work.node,
        outcome=call.outcome,
        latency_ms=call.latency_ms,
        usage=call.usage,
        charges=call.charges,
    )


def finding(plan: Plan, prompt: PinnedPrompt, code: str, message: str, at: int) -> BodyUnusable:
    """The event of a stored body that could not be used, of this prompt or of one that it uses."""
    digest = prompt.spec.body.sha256 if prompt.spec.body else ""
    return BodyUnusable(
        at=at,
        version=prompt.version,
        digest=digest,
        code=code,
        message=message,
        run=plan.work.run,
        node=plan.work.node,
    )
