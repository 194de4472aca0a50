"""What a node gives, against what a prompt's variables or a sub-workflow's input ask for."""

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.fault import Fault, did_you_mean
from headrace.links.known import Child, Known, Prompt


def binding_faults(known: Known) -> Iterator[Fault]:
    """Names that are missing from nodes' inputs, or in excess there."""
    for question in known.questions:
        if question.prompt:
            yield from _variable_faults(question.node, question.spec.input, question.prompt)
    for child in known.children:
        yield from _input_faults(child)


def _variable_faults(node: str, given: Mapping[str, str], prompt: Prompt) -> Iterator[Fault]:
    path, declared = ("nodes", node, "input"), prompt.spec.variables
    for name in sorted(given.keys() - declared.keys()):
        message = f"prompt {prompt.title} has no variable {name}: every attempt fails with variables_invalid"
        hint = did_you_mean(name, declared) or "the prompt has no variables: remove it"
        yield Fault("prompt_variable_unknown", (*path, name), message, hint)
    for name, variable in declared.items():
        if variable.mandatory and name not in given:
            message = f"prompt {prompt.title} needs the variable {name}: without it every attempt fails"
            hint = f"add {name} under input, or give the variable a default"
            yield Fault("prompt_variable_missing", path, message, hint)


def _input_faults(child: Child) -> Iterator[Fault]:
    path, given, schema = ("nodes", child.node, "input"), child.spec.input, child.workflow.input
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in given and not _has_default(properties, name):
            message = f"workflow {child.found} requires the input {name}: without it every run of it is refused"
            yield Fault("workflow_input_missing", path, message, f"add {name} under input")
    if schema.get("additionalProperties") is False and "patternProperties" not in schema:
        for name in sorted(given.keys() - properties.keys()):
            message = f"workflow {child.found} takes no input {name}: every run of it is refused"
            hint = did_you_mean(name, properties) or "it takes no input at all: remove it"
            yield Fault("workflow_input_unknown", (*path, name), message, hint)


def _has_default(properties: Mapping[str, Any], name: str) -> bool:
    schema = properties.get(name)
    return isinstance(schema, dict) and "default" in schema  # a schema may also be true or false
