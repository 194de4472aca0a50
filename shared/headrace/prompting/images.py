"""Images that a message shows: variables to URLs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.errors import NodeError
from headrace.resource.prompt import Message

MOST_IMAGES = 20
"""Of one message."""
URL = re.compile(r"https://[^\s/]\S*|data:image/[a-z0-9.+-]+(;[^,;\s]+)*,\S+")
"""An image's https URL, or a data URL (RFC 2397) that holds it."""


def image_urls(message: Message, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The URLs in a message's image variables, in their order. Raises NodeError variables_invalid."""
    urls = tuple(url for name in message.images for url in _urls(name, values[name]))
    if len(urls) > MOST_IMAGES:
        names = ", ".join(message.images)
        raise NodeError(
            "variables_invalid", f"{len(urls)} images in {names:.200}; a message shows at most {MOST_IMAGES}"
        )
    return urls


def _urls(name: str, value: Any) -> Iterator[str]:
    for url in () if value is None else value if isinstance(value, list) else (value,):
        if not isinstance(url, str) or not URL.fullmatch(url):
            wanted = "an image's https:// URL or data:image/ URL, or a list of them"
            raise NodeError("variables_invalid", f"variable {name:.80} is not {wanted}, but holds {url!r:.80}")
        yield url
