"""The node types: what a user may configure, and which resources a configuration refers to.

The compiler of workflows checks against this table; the worker of each type reads the same configuration. CEL and
Jinja2 are imported where they check something: a worker that only reads is 8 MB smaller without them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headrace.fault import Fault, did_you_mean
from headrace.limits import LONGEST_DELAY_MS
from headrace.shape import CEL

WAIT, DELAY, WORKFLOW = "wait", "delay", "workflow"


class Config(BaseModel):
    """A node's configuration; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TemplateConfig(Config):
    """Values computed from the node's input: by CEL (`expressions`) or as text by Jinja2 (`templates`)."""

    expressions: dict[str, Annotated[str, CEL]] = {}
    templates: dict[str, str] = {}


class VectorSearchConfig(Config):
    """The `top_k` passages of a collection that are nearest to the input `query`."""

    collection: str = Field(min_length=1)
    top_k: int = Field(default=4, ge=1, le=100)


class ModelInvokeConfig(Config):
    """A prompt, rendered with the node's input, sent to a model or to what an alias stands for.

    on_ambiguous: what to do when a worker died in the middle of a call that may have been made: `retry` may be charged
    twice, `fail` fails the attempt.
    on_overflow: what to do when the messages don't fit the model's window: `fail`, `drop_oldest_messages`, or
    `drop_lowest_documents` of the input that `documents` names: a list of objects with a `score`.
    stream: send the answer to run.tokens while it comes, if the model can.
    """

    prompt: str = Field(min_length=1)
    model: str = Field(min_length=1)
    on_ambiguous: Literal["retry", "fail"] = "retry"
    on_overflow: Literal["fail", "drop_oldest_messages", "drop_lowest_documents"] = "fail"
    documents: str = "documents"
    stream: bool = False


class WaitConfig(Config):
    """A signal from outside: its payload is the output. default: the output when none comes in time."""

    signal: str = Field(min_length=1, max_length=200)
    default: Any = None


class DelayConfig(Config):
    """Nothing happens for the input `ms`, milliseconds."""


class WorkflowConfig(Config):
    """Another workflow, run with the node's input; its output is the node's."""

    workflow: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource that a configuration names. `kinds`: what it may be, the first that exists wins."""

    field: str
    kinds: tuple[str, ...]
    ref: str


@dataclass(frozen=True, slots=True)
class NodeType:
    """One type of node.

    routed: the router itself does what there is to do. expressions: those in a configuration. faults: what is wrong
    with a configuration, given the names that the node's input binds. input, output: the JSON Schemas of what it takes
    and puts out, as far as those are the same for all.
    """

    config: type[Config]
    references: Callable[[Config], tuple[Reference, ...]] = lambda _: ()
    routed: bool = False
    expressions: Callable[[Config], Collection[str]] = lambda _: ()
    faults: Callable[[Config, Collection[str]], Iterable[Fault]] = lambda *_: ()
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)


def _model_invoke(config: Config) -> tuple[Reference, ...]:
    assert isinstance(config, ModelInvokeConfig)
    return (
        Reference("prompt", ("Prompt",), config.prompt),
        Reference("model", ("ModelAlias", "Model"), config.model),
    )


def _model_invoke_faults(config: Config, bound: Collection[str]) -> Iterator[Fault]:
    """What may be left out must be there."""
    assert isinstance(config, ModelInvokeConfig)
    if config.on_overflow == "drop_lowest_documents" and config.documents not in bound:
        message = f"what does not fit is left out of the input {config.documents:.80}, which the node does not bind"
        known = did_you_mean(config.documents, bound)
        hint = f"set `documents` to the name of the input that holds them{known and f'; {known}'}"
        yield Fault("missing_input", ("on_overflow",), message, hint)


def _workflow(config: Config) -> tuple[Reference, ...]:
    assert isinstance(config, WorkflowConfig)
    return (Reference("workflow", ("Workflow",), config.workflow),)


def _template_expressions(config: Config) -> Collection[str]:
    assert isinstance(config, TemplateConfig)
    return config.expressions.values()


def _template_faults(config: Config, bound: Collection[str]) -> Iterator[Fault]:
    """Expressions and templates see the node's input and nothing else."""
    assert isinstance(config, TemplateConfig)
    for name, text in config.expressions.items():
        yield from _expression_faults(("expressions", name), text)
    for name, source in config.templates.items():
        yield from _text_faults(("templates", name), source, bound)


def _expression_faults(path: tuple[str | int, ...], text: str) -> Iterator[Fault]:
    from headrace.expression import ExpressionError, compile_expression  # noqa: PLC0415  # see the module

    try:
        expression = compile_expression(text)
    except ExpressionError as error:
        yield Fault("expression_invalid", path, str(error))
        return
    for name in sorted(expression.nodes):
        hint = f"bind nodes.{name} to a name in the node's input, and write input.<name> here"
        yield Fault("node_not_visible", path, f"node {name} can't be seen in here", hint)


def _text_faults(path: tuple[str | int, ...], source: str, bound: Collection[str]) -> Iterator[Fault]:
    from headrace.templating import TemplateFault, variables_of  # noqa: PLC0415  # see the module

    try:
        used = variables_of(source)
    except TemplateFault as error:
        yield Fault("template_invalid", path, str(error))
        return
    for name in sorted(used - set(bound)):
        hint = did_you_mean(name, bound) or "bind it in the node's input"
        yield Fault("undeclared_variable", path, f"the variable {name} is not in the node's input", hint)


def _object(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of an object with these fields, and maybe others."""
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _record(required: Iterable[str], **properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of an object with no other fields than these."""
    return {**_object(**properties), "required": sorted(required), "additionalProperties": False}


_TEXT: Mapping[str, Any] = {"type": "string"}
_CALL = _record(("id", "name", "arguments"), id=_TEXT, name=_TEXT, arguments={})
_ANSWER = _record(
    ("text", "finish_reason"),
    text=_TEXT,
    finish_reason={"type": ["string", "null"]},
    json={},
    tool_calls={"type": "array", "items": _CALL},
    usage_estimated={"type": "boolean"},
    dropped={"type": "object"},
    warnings={"type": "array", "items": _TEXT},
)
_PASSAGE = _record(
    ("document", "title", "chunk", "text", "score"),
    document=_TEXT,
    title=_TEXT,
    chunk={"type": "integer"},
    text=_TEXT,
    score={"type": "number", "format": "double"},
)

_DELAY_MS: Mapping[str, Any] = {"type": "number", "minimum": 0, "maximum": LONGEST_DELAY_MS}

NODE_TYPES: Mapping[str, NodeType] = {
    "template": NodeType(TemplateConfig, expressions=_template_expressions, faults=_template_faults),
    "vector_search": NodeType(
        VectorSearchConfig,
        input=_object(query=_TEXT),
        output=_record(("passages",), passages={"type": "array", "items": _PASSAGE}),
    ),
    "model_invoke": NodeType(ModelInvokeConfig, _model_invoke, faults=_model_invoke_faults, output=_ANSWER),
    WAIT: NodeType(WaitConfig, routed=True),
    DELAY: NodeType(DelayConfig, routed=True, input=_object(ms=_DELAY_MS), output=_record(())),
    WORKFLOW: NodeType(WorkflowConfig, _workflow, routed=True),
}
