"""From what a provider answered, or did not, to the node's outcome."""

from typing import Any

import msgspec

from headrace.errors import NodeError
from headrace.events.run import Call, Usage
from headrace.prompting import FORMULA, estimated_input, why_not
from headrace.worker import Done
from model_invoke.core.usage import priced, usage_of
from model_invoke.model import Answered, Plan, Tokens
from model_invoke.ports import ProviderFault


def interpret(plan: Plan, answered: Answered) -> Done:
    """The output: `text`, `finish_reason`, and `json` when a schema was asked for.

    `usage_estimated` is in it, and true, when the provider did not say what the call consumed. An answer that was cut
    off (finish_reason length) is an answer. Raises NodeError output_invalid, with what was paid for it.
    """
    completion = answered.completion
    usage = usage_of(plan, completion)
    output: dict[str, Any] = {"text": completion.text, "finish_reason": completion.finish_reason}
    if completion.tokens is None:
        output["usage_estimated"] = True
    if plan.output is not None:
        output["json"], fault = _parsed(plan.output, completion.text)
        if fault:
            cut = " (it was cut off: raise max_output_tokens)" if completion.finish_reason == "length" else ""
            call = _call(plan, "output_invalid", answered.latency_ms, usage)
            raise NodeError(
                "output_invalid", f"the model's answer {fault}{cut}", retryable=True, usage=usage, calls=(call,)
            )
    return Done(output, usage, (_call(plan, "ok", answered.latency_ms, usage),))


def failure(plan: Plan, fault: ProviderFault, latency_ms: int) -> NodeError:
    """The error of a failed call. It costs what the provider says; else, if it may have worked, what was sent."""
    tokens, message = fault.tokens, str(fault)
    if tokens is None and fault.worked:
        tokens = Tokens(estimated_input(plan.request.messages), 0)
        message += f" (it may be charged; the input is estimated: {FORMULA})"
    usage = priced(tokens, plan.costs) if tokens else None
    calls = (_call(plan, fault.code, latency_ms, usage),)
    return NodeError(fault.code, message, retryable=fault.retryable, usage=usage, calls=calls)


def _call(plan: Plan, outcome: str, latency_ms: int, usage: Usage | None) -> Call:
    return Call(provider=plan.provider, outcome=outcome, latency_ms=latency_ms, usage=usage)


def _parsed(validator: Any, text: str) -> tuple[Any, str]:
    """The value in a text, and why it is not what was asked for."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return None, f"is no JSON: {error!s:.200}"
    fault = why_not(validator, value)
    return value, f"does not meet the response_schema: {fault}" if fault else ""
