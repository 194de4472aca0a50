"""Bodies of prompts: messages as they are stored, and when they must be. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from headrace.errors import HeadraceError
from headrace.resource.content import canonical
from headrace.resource.prompt import Message

LARGEST_INLINE = 16_384
"""Bytes of the canonical JSON of messages that may stand in a spec."""
WORDS = frozenset({"role", "template", "images"})
"""The keys of a message; any other is a part of the body that may not be repeated."""

_MESSAGES = TypeAdapter(tuple[Message, ...])


class BodyInvalid(HeadraceError):
    """What is stored is no list of messages. The message says where, without a word of it."""


def body_of(spec: Mapping[str, Any]) -> bytes | None:
    """What is stored in the place of a spec's text or messages: the messages' canonical JSON. None without either."""
    if spec.get("text") is not None:
        return canonical([{"role": "user", "template": spec["text"]}]).encode(errors="replace")
    return None if spec.get("messages") is None else canonical(spec["messages"]).encode(errors="replace")


def must_be_stored(spec: Mapping[str, Any], body: bytes) -> bool:
    """Whether a body may not stand in its spec."""
    return spec.get("sensitive", False) is not False or len(body) > LARGEST_INLINE


def with_stored(spec: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """A spec with the name of its body in the place of its text or messages."""
    rest = {key: value for key, value in spec.items() if key not in {"text", "messages"}}
    return {**rest, "body": {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}}


def with_messages(spec: Mapping[str, Any], messages: tuple[Message, ...]) -> dict[str, Any]:
    """A spec with the messages in the place of their body's name, to be checked whole."""
    rest = {key: value for key, value in spec.items() if key != "body"}
    return {**rest, "messages": [message.model_dump(exclude_unset=True) for message in messages]}


def parse_body(data: bytes) -> tuple[Message, ...]:
    """The messages in a body. Raises BodyInvalid."""
    read = _read(data)
    if isinstance(read, str):  # raised out here, so that no traceback leads to a word of the body
        raise BodyInvalid(read)
    return read


def _read(data: bytes) -> tuple[Message, ...] | str:
    """The messages, or why not."""
    try:
        value = json.loads(data)
        if canonical(value).encode() != data:
            return "it is not canonical: sorted keys, no white space, no escapes that UTF-8 does not need"
        return _MESSAGES.validate_python(value) or "the list of messages is empty"
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        return f"{_place(found['loc'])}: {found['type']}"
    except (ValueError, RecursionError):
        return "it is not JSON that can be kept"


def _place(path: tuple[int | str, ...]) -> str:
    """A path, less what its author has made up."""
    return ".".join(str(step) if isinstance(step, int) or step in WORDS else "?" for step in path) or "top"
