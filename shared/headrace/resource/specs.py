"""What the spec of each kind must look like."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from headrace.fault import Fault, did_you_mean
from headrace.nodes import NODE_TYPES
from headrace.resource.budget import BudgetSpec, budget_faults
from headrace.resource.exact import shape_faults
from headrace.resource.mending import as_written, mended
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
    found = list(_config_faults(spec))
    told = {fault.path for fault in found}
    try:
        compile_workflow(spec.model_dump(by_alias=True, exclude_unset=True))
    except InvalidWorkflow as error:
        found += [fault for fault in error.faults if fault.path not in told]
    return found


def _config_faults(spec: WorkflowSpec) -> Iterable[Fault]:
    for name, node in spec.nodes.items():
        if node.type in NODE_TYPES:
            for fault in shape_faults(NODE_TYPES[node.type].config, node.config):
                yield fault.below("nodes", name, "config")


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
    found = shape_faults(shape, spec)
    if unknown := [fault for fault in found if fault.code == "unknown_key"]:
        rest, renamed = mended(spec, unknown, shape)
        return [*unknown, *(as_written(fault, renamed) for fault in check(kind, rest, allowed))]
    return found or list(faults(shape.model_validate(spec)))


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
