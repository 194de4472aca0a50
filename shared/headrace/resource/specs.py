"""What the spec of each kind must look like."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from headrace.fault import Fault, Path, did_you_mean
from headrace.nodes import NODE_TYPES, TemplateConfig
from headrace.resource.budget import BudgetSpec, budget_faults
from headrace.resource.exact import shape_faults
from headrace.resource.mending import Renamed, as_written, mended
from headrace.resource.model import ModelAliasSpec, ModelSpec, alias_faults, model_faults
from headrace.resource.prompt import PromptSpec, Spec
from headrace.resource.prompt_faults import prompt_faults
from headrace.resource.sensitive import is_sensitive, veiled
from headrace.workflow import InvalidWorkflow, WorkflowSpec, compile_workflow
from headrace.workflow.proof import flow_faults
from headrace.workflow.spec import NodeSpec
from headrace.workflow.typing import type_faults

UNCLEAR = ""
"""In place of a node's type: nothing is known of its output."""


OF_ONE_NODE = {"unknown_node_type", "missing_input", "map_impossible", "input_schema_invalid", "output_schema_invalid"}
OF_ONE_EXPRESSION = {"expression_invalid", "unknown_node", "node_not_upstream", "name_not_visible"}
"""Faults that leave the graph as it is."""


class DocumentSetSpec(Spec):
    """Files to be searchable in a collection; `paths` are globs, relative to the YAML file."""

    description: str = ""
    collection: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    paths: list[str] = Field(min_length=1)
    chunk_chars: int = Field(default=1_200, ge=100, le=20_000)


def _workflow_faults(spec: WorkflowSpec) -> Iterable[Fault]:
    found = list(_config_faults(spec))
    configs = {fault.path[:3] for fault in found}
    try:
        compile_workflow(spec.model_dump(by_alias=True, exclude_unset=True))
        found += flow_faults(spec)
    except InvalidWorkflow as error:
        found += [fault for fault in error.faults if fault.path[:3] not in configs]
        found += _flow_faults_beside(found, spec)
    nodes = {name: _as_meant(node) for name, node in spec.nodes.items()}
    renamed = {("nodes", name, "config", *path): key for name, (_, keys) in nodes.items() for path, key in keys.items()}
    meant = spec.model_copy(update={"nodes": {name: node for name, (node, _) in nodes.items()}})
    return [*found, *(as_written(fault, renamed) for fault in type_faults(meant))]


def _flow_faults_beside(found: Iterable[Fault], spec: WorkflowSpec) -> Iterable[Fault]:
    """Faults of the flow that don't hang on others: none while edges are wrong; who reads what is known once it is."""
    beside = [fault for fault in found if fault.path[2:3] != ("config",) and fault.code not in OF_ONE_NODE]
    codes = {fault.code for fault in beside}
    if codes - OF_ONE_EXPRESSION or any(fault.path[0] == "edges" for fault in beside):
        return ()
    return [fault for fault in flow_faults(spec) if not codes or fault.code != "dead_end"]


def _as_meant(node: NodeSpec) -> tuple[NodeSpec, Renamed]:
    """A node whose output its configuration says, with its misspelt keys mended; one that may put out anything, when
    that does not make it right.
    """
    if node.type != "template" or not (found := shape_faults(TemplateConfig, node.config)):
        return node, {}
    unknown = [fault for fault in found if fault.code == "unknown_key"]
    config, renamed = mended(node.config, unknown, TemplateConfig)
    if len(renamed) < len(unknown) or shape_faults(TemplateConfig, config):
        return node.model_copy(update={"type": UNCLEAR}), {}
    return node.model_copy(update={"config": config}), renamed


def _config_faults(spec: WorkflowSpec) -> Iterable[Fault]:
    for name, node in spec.nodes.items():
        if node.type in NODE_TYPES:
            for fault in _judged(node.config, NODE_TYPES[node.type].config, lambda _: ()):
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
    """Everything that is wrong with a spec of one of the allowed kinds; without a word of a sensitive prompt."""
    if kind not in allowed:
        return [Fault("unknown_kind", (), f"no kind {kind!r:.80} here", did_you_mean(kind, allowed))]
    found = _judged(spec, *KINDS[kind])
    return [veiled(fault) for fault in found] if kind == "Prompt" and is_sensitive(spec) else found


def _judged(value: Mapping[str, Any], shape: type[BaseModel], faults: Callable[[Any], Iterable[Fault]]) -> list[Fault]:
    """What does not fit a shape, or else what these faults are; misspelt keys hide neither."""
    found = shape_faults(shape, value)
    if unknown := [fault for fault in found if fault.code == "unknown_key"]:
        rest, renamed = mended(value, unknown, shape)
        return [*unknown, *(as_written(fault, renamed) for fault in _judged(rest, shape, faults))]
    return found or list(faults(shape.model_validate(value)))


class Named(NamedTuple):
    """A resource that a spec refers to: what it may be, how it is named, and where."""

    kinds: tuple[str, ...]
    ref: str
    path: Path


def references(kind: str, spec: Mapping[str, Any]) -> list[Named]:
    """The resources that a sound spec refers to."""
    if kind == "ModelAlias":
        fallbacks = enumerate(spec.get("fallbacks", ()))
        found = [(("model",), spec["model"]), *((("fallbacks", index), ref) for index, ref in fallbacks)]
        return [Named(("Model",), ref, path) for path, ref in found]
    if kind == "Prompt":
        return [Named(("Prompt",), ref, ("uses", name)) for name, ref in spec.get("uses", {}).items()]
    if kind == "Budget":
        return list(_of_budget(spec))
    if kind == "Workflow":
        return list(_of_workflow(WorkflowSpec.model_validate(spec)))
    return []


def _of_workflow(spec: WorkflowSpec) -> Iterable[Named]:
    for name, node in spec.nodes.items():
        node_type = NODE_TYPES[node.type]
        for reference in node_type.references(node_type.config.model_validate(node.config)):
            yield Named(reference.kinds, reference.ref, ("nodes", name, "config", reference.field))


def _of_budget(spec: Mapping[str, Any]) -> Iterable[Named]:
    for kind, name in spec["scope"].items():
        if kind != "tenant" and name:
            yield Named((kind.capitalize(),), f"{name}@latest", ("scope", kind))
    if spec.get("use"):
        yield Named(("ModelAlias", "Model"), spec["use"], ("use",))
