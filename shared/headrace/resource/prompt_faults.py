"""What must hold in a prompt, beside its shape. Pure."""

from collections.abc import Iterator
from typing import Any

from headrace.fault import Fault, Path, did_you_mean
from headrace.json_schema import SchemaFault, compile_schema
from headrace.resource.naming import REFERENCE
from headrace.resource.prompt import Message, PromptSpec, Variable
from headrace.templating import TemplateFault, variables_of


def prompt_faults(spec: PromptSpec) -> Iterator[Fault]:
    """Templates that don't compile, what they use and is not declared, names taken twice, schemas that are none."""
    for path, message in _messages(spec):
        yield from _template_faults(path, message.template, spec)
        yield from _image_faults(path[:-1], message, spec)
    for name, variable in spec.variables.items():
        yield from _variable_faults(name, variable)
    for name, reference in spec.uses.items():
        yield from _use_faults(name, reference, spec)
    if spec.parameters.response_schema is not None:
        yield from _schema_faults(("parameters", "response_schema"), spec.parameters.response_schema)


def _messages(spec: PromptSpec) -> Iterator[tuple[Path, Message]]:
    """Messages, with the paths of their templates."""
    if spec.text is not None:
        yield ("text",), Message(role="user", template=spec.text)
    for index, message in enumerate(spec.messages or ()):
        yield ("messages", index, "template"), message


def _template_faults(path: Path, template: str, spec: PromptSpec) -> Iterator[Fault]:
    try:
        used = variables_of(template)
    except TemplateFault as error:
        yield Fault("template_invalid", path, str(error))
        return
    declared = spec.variables.keys() | spec.uses.keys()
    for name in sorted(used - declared):
        hint = did_you_mean(name, declared) or "add it under variables"
        yield Fault("undeclared_variable", path, f"the variable {name} is not declared", hint)


def _image_faults(path: Path, message: Message, spec: PromptSpec) -> Iterator[Fault]:
    for index, name in enumerate(message.images):
        if name not in spec.variables:
            hint = did_you_mean(name, spec.variables) or "add it under variables"
            yield Fault("undeclared_variable", (*path, "images", index), f"the variable {name} is not declared", hint)


def _use_faults(name: str, reference: str, spec: PromptSpec) -> Iterator[Fault]:
    path = ("uses", name)
    if name in spec.variables:
        yield Fault("duplicate_name", path, f"{name} is a variable, too", "rename one of them")
    if not REFERENCE.fullmatch(reference):
        message = f"{reference!r:.80} is no reference"
        yield Fault("reference_invalid", path, message, "write name, name@7, name@production or name@latest")


def _variable_faults(name: str, variable: Variable) -> Iterator[Fault]:
    path = ("variables", name)
    faults = list(_schema_faults((*path, "schema"), variable.json_schema))
    yield from faults
    if variable.has_default and not faults:
        for error in compile_schema(variable.json_schema).iter_errors(variable.default):
            yield Fault("default_invalid", (*path, "default"), f"the default does not meet the schema: {error.message}")


def _schema_faults(path: tuple[str | int, ...], schema: dict[str, Any]) -> Iterator[Fault]:
    try:
        compile_schema(schema)
    except SchemaFault as error:
        yield Fault("schema_invalid", path, str(error))
