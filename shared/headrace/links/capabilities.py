"""What nodes need of models, and models of their chains that lack it."""

from collections.abc import Iterator

from headrace.fault import Fault
from headrace.links.known import Known, Model, Question
from headrace.resource.model import Capability


def model_faults(known: Known) -> Iterator[Fault]:
    """Models that are retired, do not chat, or lack a capability: a fallback must be able to stand in."""
    for question in known.questions:
        for model in question.models:
            yield from _faults(question, model)


def _faults(question: Question, model: Model) -> Iterator[Fault]:
    path = ("nodes", question.node, "config", "model")
    if model.retired:
        message = f"{model} is retired: runs that need it are refused"
        yield Fault("model_retired", path, message, "name another model, or let the alias name one")
    elif model.spec.kind != "chat":
        message = f"{model} is an {model.spec.kind} model and does not chat: it answers nothing"
        yield Fault("capability_missing", path, message, "name a model of kind chat")
    else:
        for what, capability in needs(question):
            if capability not in model.spec.capabilities:
                message = f"{what} needs {capability}, which {model} lacks: it can't answer when it is asked"
                hint = f"name a model that has {capability}, or add it under capabilities if the provider has it"
                yield Fault("capability_missing", path, message, hint)


def needs(question: Question) -> Iterator[tuple[str, Capability]]:
    """What needs which capability."""
    if question.config.stream:
        yield "`stream`", "streaming"
    if question.prompt is None:
        return
    title, spec = question.prompt
    if spec.parameters.response_schema is not None:
        yield f"the response_schema of prompt {title}", "json_schema"
    if spec.parameters.tools:
        yield f"prompt {title} with its tools", "function_calling"
    if any(message.images for message in spec.inline or ()):
        yield f"prompt {title} with its images", "image_input"
