"""What the references of a workflow lead to, each read once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from headrace.errors import NotFound
from headrace.nodes import ModelInvokeConfig, VectorSearchConfig, WorkflowConfig
from headrace.resource.catalog import Resolved, Resolver
from headrace.resource.model import ModelSpec
from headrace.resource.prompt import PromptSpec
from headrace.resource.state import ACTIVE
from headrace.workflow.spec import NodeSpec, WorkflowSpec


class Collections(NamedTuple):
    """Collections by name, each with the most characters of a passage in it. whole: whether there are no others."""

    passages: Mapping[str, int]
    whole: bool


UNKNOWN = Collections({}, whole=False)
"""Nothing is known of any collection."""


class Prompt(NamedTuple):
    """A version of a prompt. title: `name@version`."""

    title: str
    spec: PromptSpec


class Model(NamedTuple):
    """A version of a model that may be asked. title: `name@version`. alias: what leads to it, if something does."""

    title: str
    spec: ModelSpec
    alias: str
    retired: bool

    def __str__(self) -> str:
        """As messages name it."""
        return f"model {self.title} of {self.alias}" if self.alias else f"model {self.title}"


@dataclass(frozen=True, slots=True)
class Question:
    """A node that asks a model: its prompt, if that is there, and the models of its chain that are, in their order."""

    node: str
    spec: NodeSpec
    config: ModelInvokeConfig
    prompt: Prompt | None
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class Child:
    """A node that runs another workflow, which is there."""

    node: str
    spec: NodeSpec
    found: Resolved
    workflow: WorkflowSpec


class Known:
    """A workflow, and what its nodes lead to."""

    def __init__(self, resolver: Resolver, workflow: WorkflowSpec, collections: Collections) -> None:
        self.workflow = workflow
        self.collections = collections
        self._resolver = resolver
        self._below: dict[str, Known] = {}
        self._prompts: dict[str, Prompt | None] = {}
        self._chains: dict[str, tuple[Model, ...]] = {}

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The nodes that ask a model."""
        return tuple(self._questions())

    @cached_property
    def children(self) -> tuple[Child, ...]:
        """The nodes that run another workflow, as far as that is there."""
        return tuple(self._children())

    @cached_property
    def complete(self) -> bool:
        """Whether all that nodes ask or run is there, below sub-workflows too, none of which may be in a circle."""
        wanted = sum(spec.type == "workflow" for spec in self.workflow.nodes.values())
        asked = all(question.prompt and question.models for question in self.questions)
        return asked and len(self.children) == wanted and all(self.below(child).complete for child in self.children)

    @cached_property
    def searches(self) -> Mapping[str, VectorSearchConfig]:
        """The configurations of the nodes that search a collection, by node."""
        nodes = self.workflow.nodes.items()
        return {
            name: VectorSearchConfig.model_validate(spec.config) for name, spec in nodes if spec.type == "vector_search"
        }

    def below(self, child: Child) -> "Known":
        """The same of a sub-workflow."""
        if (title := str(child.found)) not in self._below:
            below = Known(self._resolver, child.workflow, self.collections)
            below._below, below._prompts, below._chains = self._below, self._prompts, self._chains  # its own kind
            self._below[title] = below
        return self._below[title]

    def prompt(self, ref: str) -> Prompt | None:
        """What a reference to a prompt leads to."""
        if ref not in self._prompts:
            found = _there(self._resolver.resolve, ("Prompt",), ref)
            self._prompts[ref] = Prompt(str(found), PromptSpec.model_validate(found.spec)) if found else None
        return self._prompts[ref]

    def _questions(self) -> Iterator[Question]:
        for name, spec in self.workflow.nodes.items():
            if spec.type == "model_invoke":
                config = ModelInvokeConfig.model_validate(spec.config)
                yield Question(name, spec, config, self.prompt(config.prompt), self._chain(config.model))

    def _children(self) -> Iterator[Child]:
        for name, spec in self.workflow.nodes.items():
            if spec.type == "workflow":
                ref = WorkflowConfig.model_validate(spec.config).workflow
                if found := _there(self._resolver.resolve, ("Workflow",), ref):
                    yield Child(name, spec, found, WorkflowSpec.model_validate(found.spec))

    def _chain(self, ref: str) -> tuple[Model, ...]:
        if ref not in self._chains:
            self._chains[ref] = tuple(self._models(ref))
        return self._chains[ref]

    def _models(self, ref: str) -> Iterator[Model]:
        """The models behind a reference; fallbacks that are retired are left out, as the router leaves them out."""
        found = _there(self._resolver.resolve, ("ModelAlias", "Model"), ref)
        if found is None or found.kind == "Model":
            yield from [_model(found, "")] if found else []
            return
        for place, each in enumerate((found.spec["model"], *found.spec.get("fallbacks", ()))):
            if one := _there(self._resolver.find, ("Model",), each):
                model = _model(one, f"alias {found}")
                if place == 0 or not model.retired:
                    yield model


def _there(find: Callable[[tuple[str, ...], str], Resolved], kinds: tuple[str, ...], ref: str) -> Resolved | None:
    try:
        return find(kinds, ref)
    except NotFound:
        return None


def _model(found: Resolved, alias: str) -> Model:
    spec = ModelSpec.model_validate(found.spec)
    return Model(str(found), spec, alias, retired=found.status != ACTIVE or spec.status == "retired")
