"""From a node's configuration and input to what models are asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from pydantic import ValidationError

from headrace.errors import NodeError
from headrace.events.node import ExecuteNode
from headrace.json_schema import SchemaFault, compile_schema
from headrace.prompting import ChatMessage
from model_invoke.model import ChatRequest, InvokeConfig, PinnedModel, Plan, ResponseSchema

MOST_CONFIGS = 128
"""Kept ready; a configuration holds a prompt and its models in full."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration with the compiled schemas of what models answer: of their JSON, and of functions' arguments."""

    config: InvokeConfig
    output: Any
    tools: Mapping[str, Any]


def plan(work: ExecuteNode) -> Plan:
    """The attempt. Raises NodeError config_invalid or input_invalid."""
    prepared = _prepared(work.config)
    return Plan(work, prepared.config, _object(work.input), prepared.output, prepared.tools)


def chat_request(plan: Plan, model: PinnedModel, messages: tuple[ChatMessage, ...]) -> ChatRequest:
    """The question to one model."""
    prompt, parameters, spec = plan.config.prompt, plan.config.prompt.spec.parameters, model.spec
    schema = parameters.response_schema
    return ChatRequest(
        endpoint=spec.endpoint,
        credential=spec.credential,
        model=spec.model,
        messages=messages,
        temperature=parameters.temperature,
        max_tokens=max_tokens(plan, model),
        stop=tuple(parameters.stop),
        response=None if schema is None else ResponseSchema(prompt.name, schema),
        provider=spec.provider,
        tools=tuple(parameters.tools),
        tool_choice=parameters.tool_choice,
    )


def max_tokens(plan: Plan, model: PinnedModel) -> int:
    """Tokens that this model may answer with."""
    return min(plan.config.prompt.spec.parameters.max_output_tokens, model.spec.limits.max_output_tokens)


@lru_cache(maxsize=MOST_CONFIGS)
def _prepared(config: str) -> Prepared:
    try:
        parsed = InvokeConfig.model_validate_json(config)
        parameters = parsed.prompt.spec.parameters
        schema = parameters.response_schema
        output = None if schema is None else compile_schema(schema)
        return Prepared(parsed, output, {tool.name: compile_schema(tool.parameters) for tool in parameters.tools})
    except ValidationError as error:
        raise NodeError("config_invalid", f"the node's configuration: {_faults(error):.500}") from error
    except SchemaFault as error:
        raise NodeError("config_invalid", f"the prompt: {error!s:.500}") from error


def _faults(error: ValidationError) -> str:
    """Where and what, but never the value: it may be a secret that was written in the wrong place."""
    details = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(str(step) for step in detail['loc'])}: {detail['msg']}" for detail in details)


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise NodeError("input_invalid", f"the node's input is no JSON object: {error!s:.200}") from error
