"""A template node, from its configuration and input to its output. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from pydantic import ValidationError

from headrace.errors import NodeError
from headrace.expression import MOST_WORK_OF_A_NODE, Data, Expression, ExpressionError, Meter, compile_expression
from headrace.nodes import TemplateConfig
from headrace.templating import Budget, TemplateFault, render


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute, from what."""

    expressions: Mapping[str, Expression]
    templates: Mapping[str, str]
    input: Mapping[str, Any]


def plan(config: str, given: str) -> Plan:
    """Compiled expressions, and the input. Raises NodeError for a configuration that makes no sense."""
    expressions, templates = _prepared(config)
    return Plan(expressions, templates, msgspec.json.decode(given))


def compute(call: Plan) -> dict[str, Any]:
    """The values by name. Raises NodeError, which names the expression or template that failed.

    All share what one may cost: while they are computed, the worker does nothing else.
    """
    data = Data(Meter(MOST_WORK_OF_A_NODE), input=call.input)
    try:
        made = {name: expression.evaluate(data) for name, expression in call.expressions.items()}
    except ExpressionError as error:
        raise NodeError("expression_failed", str(error)) from error
    budget = Budget()
    for name, source in call.templates.items():
        try:
            made[name] = render(source, call.input, budget)
        except TemplateFault as error:
            raise NodeError("template_failed", f"template {name}: {error}") from error
    return made


@lru_cache(maxsize=1_024)
def _prepared(config: str) -> tuple[dict[str, Expression], dict[str, str]]:
    try:
        parsed = TemplateConfig.model_validate_json(config)
        return {name: compile_expression(text) for name, text in parsed.expressions.items()}, parsed.templates
    except (ValidationError, ExpressionError) as error:
        raise NodeError("config_invalid", f"the node's configuration: {error}") from error
