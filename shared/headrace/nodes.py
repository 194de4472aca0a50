"""The node types: what a user may configure, and which resources a configuration refers to.

The compiler of workflows checks against this table; the worker of each type reads the same configuration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """A node's configuration; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TemplateConfig(Config):
    """Values computed from the node's input: by CEL (`expressions`) or as text by Jinja2 (`templates`)."""

    expressions: dict[str, str] = {}
    templates: dict[str, str] = {}


class VectorSearchConfig(Config):
    """The `top_k` passages of a collection that are nearest to the input `query`."""

    collection: str = Field(min_length=1)
    top_k: int = Field(default=4, ge=1, le=100)


class ModelInvokeConfig(Config):
    """A prompt, rendered with the node's input, sent to a model or to what an alias stands for.

    on_ambiguous: what to do when a worker died in the middle of a call that may have been made: `retry` may be charged
    twice, `fail` fails the attempt.
    """

    prompt: str = Field(min_length=1)
    model: str = Field(min_length=1)
    on_ambiguous: str = Field(default="retry", pattern="^(retry|fail)$")


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource that a configuration names. `kinds`: what it may be, the first that exists wins."""

    field: str
    kinds: tuple[str, ...]
    ref: str


@dataclass(frozen=True, slots=True)
class NodeType:
    """One type of node."""

    config: type[Config]
    references: Callable[[Config], tuple[Reference, ...]] = lambda _: ()


def _model_invoke(config: Config) -> tuple[Reference, ...]:
    assert isinstance(config, ModelInvokeConfig)
    return (
        Reference("prompt", ("Prompt",), config.prompt),
        Reference("model", ("ModelAlias", "Model"), config.model),
    )


NODE_TYPES: Mapping[str, NodeType] = {
    "template": NodeType(TemplateConfig),
    "vector_search": NodeType(VectorSearchConfig),
    "model_invoke": NodeType(ModelInvokeConfig, _model_invoke),
}
