"""How many tokens everything is that is sent: messages, functions and the schema of the answer."""

from collections.abc import Sequence

import msgspec

from headrace.prompting.messages import ChatMessage, estimated_input, estimated_tokens
from headrace.resource.prompt import Parameters

MOST_AROUND = 128
"""Tokens that a chat template puts around all messages, at the most; some have a system message of their own."""
MOST_MESSAGE = 16
"""Tokens around one message, at the most."""
MOST_IMAGE = 4_096
"""Tokens of one image, at the most: providers scale larger ones down."""


def estimated_question(messages: Sequence[ChatMessage], parameters: Parameters) -> int:
    """Tokens of everything that is sent, about."""
    return estimated_input(messages) + sum(map(estimated_tokens, _schemas(parameters)))


def most_question(messages: Sequence[ChatMessage], parameters: Parameters) -> int:
    """The most tokens that everything that is sent can be: one a byte, and what templates and images may add."""
    texts = [message.content for message in messages] + _schemas(parameters)
    images = sum(len(message.images) for message in messages)
    around = MOST_AROUND + MOST_MESSAGE * len(messages) + MOST_IMAGE * images
    return sum(len(text.encode()) for text in texts) + around


def _schemas(parameters: Parameters) -> list[str]:
    """The functions and the schema of the answer, as JSON."""
    schemas = [tool.model_dump_json() for tool in parameters.tools]
    if parameters.response_schema is not None:
        schemas.append(msgspec.json.encode(parameters.response_schema).decode())
    return schemas
