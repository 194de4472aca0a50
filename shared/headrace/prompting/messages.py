"""What a model gets, and about how many tokens it is."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def estimated_tokens(text: str) -> int:
    """Tokens of a text, about."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def estimated_input(messages: Sequence[ChatMessage]) -> int:
    """Tokens of what is sent, about: FORMULA."""
    return sum(estimated_tokens(message.content) + MESSAGE_TOKENS for message in messages) + REPLY_TOKENS
