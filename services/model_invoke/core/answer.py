"""What a model answered: whether it is what was asked for, and how to ask again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from headrace.prompting import ChatMessage, why_not
from model_invoke.model import ChatRequest, Completion, Plan, ToolCall


class Judged(NamedTuple):
    """The node's output, and what is wrong with the answer, if something is."""

    output: dict[str, Any]
    fault: str = ""


def judged(plan: Plan, completion: Completion) -> Judged:
    """The output: `text` and `finish_reason`; `tool_calls` when the model calls functions, else `json` when a schema
    was asked for; `usage_estimated` when the provider did not count tokens.

    An answer that was cut off (finish_reason length) is an answer.
    """
    output: dict[str, Any] = {"text": completion.text, "finish_reason": completion.finish_reason}
    if completion.tokens is None:
        output["usage_estimated"] = True
    if completion.tool_calls:
        calls = [_called(plan, call) for call in completion.tool_calls]
        output["tool_calls"] = [call for call, _ in calls]
        return Judged(output, "; ".join(fault for _, fault in calls if fault))
    if plan.output is None:
        return Judged(output)
    output["json"], fault = _parsed(plan.output, completion.text, "does not meet the response_schema")
    cut = " (it was cut off: raise max_output_tokens)" if fault and completion.finish_reason == "length" else ""
    return Judged(output, fault + cut)


def repair(request: ChatRequest, completion: Completion, fault: str) -> ChatRequest:
    """The question once more, with the answer and what is wrong with it."""
    said = ChatMessage("assistant", "\n".join(_words(completion)) or "(nothing)")
    wrong = ChatMessage("user", f"Your answer {fault}. Answer the question again, correctly, and with nothing else.")
    return replace(request, messages=(*request.messages, said, wrong))


def _called(plan: Plan, call: ToolCall) -> tuple[dict[str, Any], str]:
    """A function's call with its arguments as a value, or as they were written; and what is wrong with it."""
    written = {"id": call.id, "name": call.name, "arguments": call.arguments}
    validator = plan.tools.get(call.name)
    if validator is None:
        return written, f"calls the function {call.name!r:.80}, which there is not"
    value, fault = _parsed(validator, call.arguments or "{}", "does not meet the parameters")
    if fault:
        return written, f"calls {call.name} with what {fault}"
    return {**written, "arguments": value}, ""


def _parsed(validator: Any, text: str, unmet: str) -> tuple[Any, str]:
    """The value in a text, and why it is not what was asked for."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return None, f"is no JSON: {error!s:.200}"
    fault = why_not(validator, value)
    return value, f"{unmet}: {fault}" if fault else ""


def _words(completion: Completion) -> Iterator[str]:
    """An answer as text: messages of ours carry no calls of functions."""
    if completion.text:
        yield completion.text
    for call in completion.tool_calls:
        yield f"{call.name}({call.arguments})"
