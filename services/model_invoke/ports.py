"""What this service needs from outside."""

from typing import Protocol

from headrace.errors import HeadraceError
from model_invoke.model import ChatRequest, Completion, Tokens


class ProviderFault(HeadraceError):
    """A provider gave no answer that can be used.

    code: provider_unavailable, provider_rate_limited, provider_timeout, provider_answer_invalid (retryable),
    provider_refused or model_refused (not retryable).
    worked: the provider may have done the work, and charge for it.
    tokens: what it says the work took.
    """

    def __init__(
        self, code: str, message: str, *, retryable: bool = True, worked: bool = False, tokens: Tokens | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.worked = worked
        self.tokens = tokens


class Chat(Protocol):
    """A chat model behind some provider's API."""

    async def complete(self, request: ChatRequest, timeout_s: float) -> Completion:
        """The answer, whole, within a time; no credential is in any error.

        Raises ProviderFault, and NodeError `provider_unconfigured` when the call can't be made from here at all.
        """
