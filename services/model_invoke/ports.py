"""What this service needs from outside."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from headrace.errors import HeadraceError
from headrace.event import Event
from headrace.events.run import Charge
from headrace.prompting import Loaded, PinnedPrompt
from model_invoke.model import ChatRequest, Completion, Tokens


class ProviderFault(HeadraceError):
    """A provider gave no answer that can be used.

    code: provider_unavailable, provider_rate_limited, provider_timeout, provider_answer_invalid (retryable),
    provider_refused or model_refused (not retryable).
    worked: the provider may have done the work, and charge for it.
    tokens: what it says the work took.
    retry_after_s: seconds for which the provider asks to be left alone.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = True,
        worked: bool = False,
        tokens: Tokens | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.worked = worked
        self.tokens = tokens
        self.retry_after_s = retry_after_s


class Rejected(HeadraceError):
    """A candidate is not called.

    code: model_retired, capability_missing, context_window_exceeded, breaker_open, retry_after, rate_limited_locally
    or provider_unconfigured. retryable: whether it may be called in a while.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


Heard = Callable[[str], None]
"""Takes a piece of an answer while it comes; must not wait."""


class Chat(Protocol):
    """A chat model behind some provider's API."""

    async def complete(self, request: ChatRequest, timeout_s: float, heard: Heard | None = None) -> Completion:
        """The answer, whole, within a time; no credential is in any error.

        heard: given when the answer is to be streamed; the pieces together are the answer's text.
        Raises ProviderFault, and NodeError `provider_unconfigured` when the call can't be made from here at all.
        """


class Facts(NamedTuple):
    """What budgets look at: names without versions. id: run/node/iteration/attempt/number, the same when repeated."""

    id: str
    workflow: str
    tenant: str | None
    model: str
    prompt: str


class Reservation(NamedTuple):
    """Money that is held for a call. warnings: budgets that only warn, in words. held: whether any budget pays."""

    id: str
    warnings: Sequence[str] = ()
    held: bool = True


class OverBudget(HeadraceError):
    """A call could take more than a budget has left; nothing is reserved. The message says which, what is left, and
    when it renews.

    use: the model or alias to call instead, if the budget says so.
    """

    def __init__(self, message: str, use: str | None = None) -> None:
        super().__init__(message)
        self.use = use


class Budgets(Protocol):
    """Who pays for calls."""

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """Hold the most that a call can cost in every budget that pays for it, or in none.

        now: epoch milliseconds. Repeated, it holds nothing more. Raises OverBudget, and DatabaseUnavailable.
        """

    async def settle(self, reservation: Reservation, cost: Decimal) -> Sequence[Charge]:
        """Charge what the call did cost, 0 if nothing, and give back the rest. Repeated, it changes nothing.

        Raises DatabaseUnavailable.
        """

    async def give_back(self, calls: Sequence[str]) -> None:
        """Charge nothing for calls that are not made, by their ids; they may have been reserved, or not.

        Raises DatabaseUnavailable.
        """


class Announcer(Protocol):
    """Events beside the outcome: health, calls, tokens, findings."""

    def tell(self, key: str, event: Event, *, correlation: str | None = None) -> None:
        """Send an event to its topic in the background, soon; at least once while the process lives.

        correlation: what it belongs to, such as a run; the key, unless it is given.
        """

    async def told(self) -> None:
        """Wait until everything so far has arrived."""


class Bodies(Protocol):
    """Bodies of prompts."""

    async def load(self, prompt: PinnedPrompt) -> Loaded:
        """A prompt with its messages, wherever they are stored. Raises NodeError, which names what is unusable."""
