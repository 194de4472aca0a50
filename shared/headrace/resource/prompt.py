"""The shape of a prompt, and what else must hold in it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headrace.fault import Fault, did_you_mean
from headrace.json_schema import SchemaFault, compile_schema
from headrace.templating import TemplateFault, variables_of

Role = Literal["system", "user", "assistant"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Spec(BaseModel):
    """A spec; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Spec):
    """One message; `template` is Jinja2 over the prompt's variables."""

    role: Role
    template: str = Field(min_length=1)


class Variable(Spec):
    """A variable of a prompt, with the JSON Schema that its values must meet."""

    json_schema: dict[str, Any] = Field(default={}, alias="schema")
    required: bool = True
    default: Any = None


class Parameters(Spec):
    """What a model is told beside the messages."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    max_output_tokens: int = Field(default=512, ge=1)
    stop: list[str] = []
    response_schema: dict[str, Any] | None = None


class PromptSpec(Spec):
    """A prompt: messages, declared variables, and parameters."""

    description: str = ""
    messages: list[Message] = Field(min_length=1)
    variables: dict[Name, Variable] = {}
    parameters: Parameters = Parameters()


def prompt_faults(spec: PromptSpec) -> Iterator[Fault]:
    """Templates that don't compile or use what is not declared, and schemas that are none."""
    for index, message in enumerate(spec.messages):
        yield from _template_faults(("messages", index, "template"), message.template, spec)
    for name, variable in spec.variables.items():
        yield from _variable_faults(name, variable)
    if spec.parameters.response_schema is not None:
        yield from _schema_faults(("parameters", "response_schema"), spec.parameters.response_schema)


def _template_faults(path: tuple[str | int, ...], template: str, spec: PromptSpec) -> Iterator[Fault]:
    try:
        used = variables_of(template)
    except TemplateFault as error:
        yield Fault("template_invalid", path, str(error))
        return
    for name in sorted(used - spec.variables.keys()):
        hint = did_you_mean(name, spec.variables) or "add it under variables"
        yield Fault("undeclared_variable", path, f"the variable {name} is not declared", hint)


def _variable_faults(name: str, variable: Variable) -> Iterator[Fault]:
    path = ("variables", name)
    faults = list(_schema_faults((*path, "schema"), variable.json_schema))
    yield from faults
    if "default" in variable.model_fields_set and not faults:
        for error in compile_schema(variable.json_schema).iter_errors(variable.default):
            yield Fault("default_invalid", (*path, "default"), f"the default does not meet the schema: {error.message}")


def _schema_faults(path: tuple[str | int, ...], schema: dict[str, Any]) -> Iterator[Fault]:
    try:
        compile_schema(schema)
    except SchemaFault as error:
        yield Fault("schema_invalid", path, str(error))
