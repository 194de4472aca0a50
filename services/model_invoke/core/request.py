"""From a node's configuration and input to the call of a model."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from pydantic import ValidationError

from headrace.errors import NodeError
from headrace.json_schema import SchemaFault, compile_schema
from headrace.prompting import FORMULA, ChatMessage, Variables, compile_variables, estimated_input, rendered
from headrace.resource.model import Limits
from model_invoke.model import ChatRequest, InvokeConfig, PinnedModel, Plan, ResponseSchema

MOST_CONFIGS = 128
"""Kept ready; a configuration holds a prompt and a model in full."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration, compiled. output: validator of the response schema, None without one."""

    config: InvokeConfig
    variables: Variables
    output: Any


def plan(config: str, given: str, deadline: int | None) -> Plan:
    """The call. Raises NodeError: config_invalid, input_invalid, variables_invalid, template_failed, capability_missing
    or context_window_exceeded; nothing has been sent then.
    """
    prepared = _prepared(config)
    prompt, model = prepared.config.prompt, prepared.config.model
    _check_capabilities(model, schema_asked=prepared.output is not None)
    values = prepared.variables.values(_object(given))
    messages = rendered(prompt.spec.inline or (), values)
    parameters, limits = prompt.spec.parameters, model.spec.limits
    max_tokens = min(parameters.max_output_tokens, limits.max_output_tokens)
    _check_room(messages, max_tokens, limits)
    schema = parameters.response_schema
    request = ChatRequest(
        endpoint=model.spec.endpoint,
        credential=model.spec.credential,
        model=model.spec.model,
        messages=messages,
        temperature=parameters.temperature,
        max_tokens=max_tokens,
        stop=tuple(parameters.stop),
        response=None if schema is None else ResponseSchema(prompt.name, schema),
    )
    return Plan(
        request=request,
        provider=str(model),
        costs=model.spec.costs[0],
        timeout_ms=limits.timeout_ms,
        deadline=deadline,
        output=prepared.output,
        repeat_ambiguous=prepared.config.on_ambiguous == "retry",
    )


@lru_cache(maxsize=MOST_CONFIGS)
def _prepared(config: str) -> Prepared:
    try:
        parsed = InvokeConfig.model_validate_json(config)
        schema = parsed.prompt.spec.parameters.response_schema
        output = None if schema is None else compile_schema(schema)
        return Prepared(parsed, compile_variables(parsed.prompt.spec.variables), output)
    except ValidationError as error:
        raise NodeError("config_invalid", f"the node's configuration: {_faults(error):.500}") from error
    except SchemaFault as error:
        raise NodeError("config_invalid", f"the prompt: {error!s:.500}") from error


def _faults(error: ValidationError) -> str:
    """Where and what, but never the value: it may be a secret that was written in the wrong place."""
    details = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(str(step) for step in detail['loc'])}: {detail['msg']}" for detail in details)


def _check_capabilities(model: PinnedModel, *, schema_asked: bool) -> None:
    if model.spec.kind != "chat":
        raise NodeError("capability_missing", f"model {model} is an {model.spec.kind} model; it does not chat")
    if schema_asked and "json_schema" not in model.spec.capabilities:
        raise NodeError(
            "capability_missing",
            f"the prompt has a response_schema, and model {model} has not the capability json_schema",
        )


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise NodeError("input_invalid", f"the node's input is no JSON object: {error!s:.200}") from error


def _check_room(messages: tuple[ChatMessage, ...], max_tokens: int, limits: Limits) -> None:
    """A rough check that saves a call bound to fail."""
    about = estimated_input(messages)
    room = limits.context_window - limits.reserved_tokens - max_tokens
    if about > room:
        raise NodeError(
            "context_window_exceeded",
            f"the messages have about {about} tokens ({FORMULA}), and there is room for {room}: context_window "
            f"{limits.context_window} less reserved_tokens {limits.reserved_tokens} less {max_tokens} for the answer",
        )
