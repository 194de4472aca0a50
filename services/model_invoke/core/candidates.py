"""Which models an attempt may ask, before anybody is called."""

from collections.abc import Iterator, Sequence

from headrace.prompting import ChatMessage
from headrace.resource.catalog import Resolved, Resolver
from headrace.resource.model import Capability
from headrace.resource.state import ACTIVE
from model_invoke.model import Pinned, PinnedModel, Plan
from model_invoke.ports import Rejected


def check(plan: Plan, messages: Sequence[ChatMessage], model: PinnedModel) -> None:
    """Raise Rejected, capability_missing or model_retired, if this model can't be asked this."""
    spec = model.spec
    if spec.kind != "chat":
        raise Rejected("capability_missing", f"model {model} is an {spec.kind} model; it does not chat")
    if spec.status == "retired":
        raise Rejected("model_retired", f"model {model} is retired; let the alias name another")
    for what, capability in _needed(plan, messages):
        if capability not in spec.capabilities:
            message = f"the prompt has {what}, and model {model} has not the capability {capability}"
            raise Rejected("capability_missing", message)


def is_streamed(plan: Plan, model: PinnedModel) -> bool:
    """Whether this model's answer is sent on while it comes."""
    return plan.config.stream and "streaming" in model.spec.capabilities


def standing_for(resolver: Resolver, ref: str) -> tuple[PinnedModel, ...]:
    """The models that a reference to a model or an alias means now, in their order; a fallback that is retired is left
    out. Raises NotFound.
    """
    found = resolver.resolve(("ModelAlias", "Model"), ref)
    if found.kind == "Model":
        return (_pinned(found, None),)
    alias = Pinned(name=found.name, version=found.version)
    first = resolver.resolve(("Model",), found.spec["model"])
    fallbacks = (resolver.find(("Model",), each) for each in found.spec.get("fallbacks", ()))
    return tuple(_pinned(model, alias) for model in (first, *fallbacks) if model.status == ACTIVE)


def _needed(plan: Plan, messages: Sequence[ChatMessage]) -> Iterator[tuple[str, Capability]]:
    parameters = plan.config.prompt.spec.parameters
    if parameters.response_schema is not None:
        yield "a response_schema", "json_schema"
    if parameters.tools:
        yield "tools", "function_calling"
    if any(message.images for message in messages):
        yield "images", "image_input"


def _pinned(found: Resolved, alias: Pinned | None) -> PinnedModel:
    return PinnedModel.model_validate(
        {"name": found.name, "version": found.version, "spec": found.spec, "alias": alias}
    )
