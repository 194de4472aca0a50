"""Templates to messages, and about how many tokens they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import NodeError
from headrace.resource.prompt import Message
from headrace.templating import TemplateFault, render

BYTES_PER_TOKEN = 4
"""Of UTF-8, about, in English prose. Code and digits have fewer, so that an estimate for them is low."""
MESSAGE_TOKENS = 4
"""Role and separators of one message in a chat template, about."""
REPLY_TOKENS = 3
"""What opens the reply."""
FORMULA = "UTF-8 bytes / 4 rounded up, + 4 a message, + 3"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message, rendered. images: https or data URLs."""

    role: str
    content: str
    images: tuple[str, ...] = ()


def rendered(messages: Iterable[Message], values: Mapping[str, Any]) -> tuple[ChatMessage, ...]:
    """The messages with these values. Raises NodeError template_failed, which says in which one."""
    return tuple(_rendered(index, message, values) for index, message in enumerate(messages))


def _rendered(index: int, message: Message, values: Mapping[str, Any]) -> ChatMessage:
    try:
        return ChatMessage(message.role, render(message.template, values))
    except TemplateFault as error:
        raise NodeError("template_failed", f"message {index} ({message.role}): {error!s:.500}") from error


def estimated_tokens(text: str) -> int:
    """Tokens of a text, about."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def estimated_input(messages: Sequence[ChatMessage]) -> int:
    """Tokens of what is sent, about: FORMULA."""
    return sum(estimated_tokens(message.content) + MESSAGE_TOKENS for message in messages) + REPLY_TOKENS
