"""What nodes give and get, against the types that what they refer to asks for and puts out."""

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.fault import Fault
from headrace.links.known import Known
from headrace.workflow.typing import TypedWorkflow


def linked_type_faults(known: Known) -> Iterator[Fault]:
    """Values that can't be what a prompt or a sub-workflow takes, and looks into outputs for what is not there."""
    typed = TypedWorkflow(known.workflow, _outputs(known))
    yield from typed.faults
    for question in known.questions:
        if question.prompt:
            variables = question.prompt.spec.variables.items()
            schema = {"type": "object", "properties": {name: variable.json_schema for name, variable in variables}}
            yield from typed.binding_faults(question.node, schema)
    for child in known.children:
        yield from typed.binding_faults(child.node, child.workflow.input)


def _outputs(known: Known) -> Mapping[str, Mapping[str, Any]]:
    """The schemas of what nodes put out, as far as what they refer to says it."""
    asked = {
        question.node: question.prompt.spec.parameters.response_schema
        for question in known.questions
        if question.prompt and question.prompt.spec.parameters.response_schema
    }
    return {**asked, **{child.node: child.workflow.output_schema for child in known.children}}
