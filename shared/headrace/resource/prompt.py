"""The shape of a prompt."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["system", "user", "assistant"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
LARGEST_BODY = 1_048_576
"""Bytes of the largest body."""
DEEPEST_USES = 8
"""Levels of prompts that use prompts."""
MOST_USES = 64
"""Prompts that one prompt leads to, each counted as often as it is used: a worker gets them all in full."""


class Spec(BaseModel):
    """A spec; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Spec):
    """One message; `template` is Jinja2 over the prompt's variables.

    images: variables whose values are shown to the model: an image's https URL or data URL, or a list of them.
    """

    role: Role
    template: str = Field(min_length=1)
    images: list[Name] = []


class Variable(Spec):
    """A variable of a prompt, with the JSON Schema that its values must meet."""

    json_schema: dict[str, Any] = Field(default={}, alias="schema")
    required: bool = True
    default: Any = None

    @property
    def has_default(self) -> bool:
        """Whether a default is written; null may be one."""
        return "default" in self.model_fields_set

    @property
    def mandatory(self) -> bool:
        """Whether nothing can be rendered without a value."""
        return self.required and not self.has_default


class Tool(Spec):
    """A function that the model may ask for; `parameters` is the JSON Schema of its arguments."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str = ""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}


class Parameters(Spec):
    """What a model is told beside the messages. temperature: none is sent for null; some models refuse any."""

    temperature: float | None = Field(default=0.0, ge=0.0, le=2.0)
    max_output_tokens: int = Field(default=512, ge=1)
    stop: list[str] = []
    response_schema: dict[str, Any] | None = None
    tools: list[Tool] = []
    tool_choice: Literal["auto", "required", "none"] = "auto"


class StoredBody(Spec):
    """A body in the object store: the SHA-256 (hexadecimal) and size in bytes of its canonical JSON."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=2, le=LARGEST_BODY)


class PromptSpec(Spec):
    """A prompt: its body, declared variables, and parameters.

    The body is `text` (one message of the user), `messages`, or `body`, where it is stored.
    sensitive: the body stands in the object store only, and nothing repeats a word of it.
    uses: other prompts by the name under which the templates see their text.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [name]} for name in ("text", "messages", "body")]}
    )

    description: str = ""
    text: str | None = Field(default=None, min_length=1)
    messages: list[Message] | None = Field(default=None, min_length=1)
    body: StoredBody | None = None
    sensitive: bool = Field(default=False, strict=True)
    uses: dict[Name, str] = {}
    variables: dict[Name, Variable] = {}
    parameters: Parameters = Parameters()

    @model_validator(mode="after")
    def _one_body(self) -> "PromptSpec":
        if sum(part is not None for part in (self.text, self.messages, self.body)) != 1:
            raise ValueError("a prompt has either text or messages (or body, once it is stored)")
        return self

    @property
    def inline(self) -> tuple[Message, ...] | None:
        """The messages, if they stand in the spec itself."""
        if self.text is not None:
            return (Message(role="user", template=self.text),)
        return tuple(self.messages) if self.messages is not None else None
