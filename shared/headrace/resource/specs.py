"""What the spec of each kind must look like."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from headrace.fault import Fault, Path, did_you_mean, from_pydantic
from headrace.resource.budget import BudgetSpec, budget_faults
from headrace.resource.model import ModelAliasSpec, ModelSpec, alias_faults, model_faults
from headrace.resource.prompt import PromptSpec, Spec
from headrace.resource.prompt_faults import prompt_faults
from headrace.workflow import InvalidWorkflow, WorkflowSpec, compile_workflow


class DocumentSetSpec(Spec):
    """Files to be searchable in a collection; `paths` are globs, relative to the YAML file."""

    description: str = ""
    collection: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    paths: list[str] = Field(min_length=1)
    chunk_chars: int = Field(default=1_200, ge=100, le=20_000)


def _workflow_faults(spec: WorkflowSpec) -> Iterable[Fault]:
    try:
        compile_workflow(spec.model_dump(by_alias=True, exclude_unset=True))
    except InvalidWorkflow as error:
        return error.faults
    return ()


class Kind(NamedTuple):
    """A kind of resource: its shape, and what must hold in a spec of that shape."""

    spec: type[BaseModel]
    faults: Callable[[Any], Iterable[Fault]]


KINDS: Mapping[str, Kind] = {
    "Prompt": Kind(PromptSpec, prompt_faults),
    "Model": Kind(ModelSpec, model_faults),
    "ModelAlias": Kind(ModelAliasSpec, alias_faults),
    "Budget": Kind(BudgetSpec, budget_faults),
    "Workflow": Kind(WorkflowSpec, _workflow_faults),
    "DocumentSet": Kind(DocumentSetSpec, lambda _: ()),
}
"""Every kind that a file may hold, those that others refer to before those that refer to them."""


def check(kind: str, spec: Mapping[str, Any], allowed: Sequence[str] = tuple(KINDS)) -> list[Fault]:
    """Everything that is wrong with a spec of one of the allowed kinds."""
    if kind not in allowed:
        return [Fault("unknown_kind", (), f"no kind {kind!r:.80} here", did_you_mean(kind, allowed))]
    shape, faults = KINDS[kind]
    try:
        return list(faults(shape.model_validate(spec)))
    except ValidationError as error:
        found = from_pydantic(error, shape)
    unknown = [fault.path for fault in found if fault.code == "unknown_key"]
    if len(unknown) == len(found):  # the rest may be sound, or have faults of its own
        found += check(kind, _without(spec, unknown), allowed)
    return found


def references(kind: str, spec: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """The resources that a sound spec refers to: what each may be, and how it is named."""
    if kind == "ModelAlias":
        return [(("Model",), ref) for ref in (spec["model"], *spec.get("fallbacks", ()))]
    if kind == "Prompt":
        return [(("Prompt",), ref) for ref in spec.get("uses", {}).values()]
    if kind == "Budget":
        named = ((kind.capitalize(), name) for kind, name in spec["scope"].items() if kind != "tenant" and name)
        scope = [((kind,), f"{name}@latest") for kind, name in named]
        return [*scope, *((("ModelAlias", "Model"), ref) for ref in (spec.get("use"),) if ref)]
    if kind == "Workflow":
        nodes = compile_workflow(spec).nodes.values()
        return [(reference.kinds, reference.ref) for node in nodes for reference in node.references]
    return []


def _without(spec: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """A copy less the keys at these paths."""
    copied = deepcopy(dict(spec))
    for path in paths:
        here: Any = copied
        for step in path[:-1]:
            here = here[step]
        del here[path[-1]]
    return copied
