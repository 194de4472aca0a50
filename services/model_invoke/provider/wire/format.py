"""What each provider's format has."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from model_invoke.model import ChatRequest, Completion

Redact = Callable[[str], str]
"""Takes the credential out of a text."""


class Assembly(Protocol):
    """A streamed answer, put together while it comes: the same in the end as the answer in one piece."""

    @property
    def finished(self) -> bool:
        """Whether the answer is whole, though its tokens may still be to come."""

    @property
    def done(self) -> bool:
        """Whether nothing more is to come."""

    def take(self, data: str) -> str:
        """The text in the data of one event, not redacted. Raises ProviderFault for a fault that it tells of, and
        provider_answer_invalid.
        """

    def completion(self) -> Completion:
        """The answer. Raises ProviderFault: provider_unavailable when it is cut, provider_answer_invalid,
        model_refused.
        """


class Format(Protocol):
    """A provider's format; a module."""

    def url(self, base: str) -> str:
        """Where requests go; `base` ends without a slash."""

    def headers(self, credential: str) -> Mapping[str, str]:
        """Beside what HTTP has. An empty credential is none."""

    def body(self, request: ChatRequest, *, streamed: bool) -> dict[str, Any]:
        """What is sent, as JSON."""

    def completion(self, body: bytes, content_type: str, redact: Redact) -> Completion:
        """What a successful answer says. Raises ProviderFault: provider_answer_invalid or model_refused."""

    def assembly(self, redact: Redact) -> Assembly:
        """For a successful answer that is streamed."""
