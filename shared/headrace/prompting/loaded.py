"""A prompt as a run is bound to it, and the same with its body at hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from headrace.errors import NodeError
from headrace.json_schema import SchemaFault
from headrace.prompting.uses import why_not_used
from headrace.prompting.variables import Variables, compile_variables
from headrace.resource.prompt import Message, PromptSpec


class PinnedPrompt(BaseModel):
    """A version that a run is bound to, with those that it uses; keys that later routers add are ignored."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    spec: PromptSpec
    uses: dict[str, "PinnedPrompt"] = {}

    def __str__(self) -> str:
        """As references write it: `name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A prompt that is ready to be rendered. title: `name@version`. uses: by the name that templates see."""

    title: str
    spec: PromptSpec
    messages: tuple[Message, ...]
    variables: Variables
    uses: Mapping[str, "Loaded"]

    @property
    def sensitive(self) -> bool:
        """Whether its text, or that of a prompt that it uses, may be repeated nowhere."""
        return self.spec.sensitive or any(used.sensitive for used in self.uses.values())


def assemble(pinned: PinnedPrompt, messages: Sequence[Message], uses: Mapping[str, Loaded]) -> Loaded:
    """A pinned prompt with its messages and what it uses. Raises NodeError config_invalid and uses_invalid."""
    try:
        variables = compile_variables(pinned.spec.variables)
    except SchemaFault as error:
        raise NodeError("config_invalid", f"the prompt {pinned}: {error!s:.500}") from error
    loaded = Loaded(str(pinned), pinned.spec, tuple(messages), variables, uses)
    faults = [*_not_pinned(loaded), *_misused(loaded)]
    if faults:
        raise NodeError("uses_invalid", "; ".join(faults))
    return loaded


def _not_pinned(loaded: Loaded) -> Iterator[str]:
    for name in sorted(loaded.spec.uses.keys() - loaded.uses.keys()):
        yield f"{loaded.title} uses {loaded.spec.uses[name]} as {name}, which the run is not bound to"


def _misused(loaded: Loaded) -> Iterator[str]:
    for used in loaded.uses.values():
        if reason := why_not_used(loaded.title, loaded.spec, used.title, used.spec, used.messages):
            yield reason
