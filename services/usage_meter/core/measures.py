"""What a call is counted under, and whether it was counted before."""

from collections.abc import Iterator
from hashlib import blake2s

from headrace.budgets.log import amount
from headrace.errors import Undecodable
from headrace.events.model import ModelCalled
from headrace.events.run import Charge
from headrace.limits import MOST_TOKENS
from headrace.usage.trials import is_trial

MINUTE_MS = 60_000
"""Length of a window."""
REMEMBERED = 64
"""Calls that each sum remembers, to count none of them twice: a repetition comes soon, if it comes."""
BUDGET = "budget"
LONGEST_VERSION = 9
"""Digits of a version."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, epoch milliseconds."""


def check(call: ModelCalled) -> None:
    """Raise Undecodable for a call that can't be counted: what it says can't be summed, or happened at no time."""
    usage = call.usage
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens) if usage else ()
    if not all(0 <= count <= MOST_TOKENS for count in (*counts, call.latency_ms)):
        raise Undecodable(f"call {call.id:.200} has tokens or a latency that are not between 0 and {MOST_TOKENS}")
    if not 0 <= call.at <= LATEST_MS:
        raise Undecodable(f"call {call.id:.200} ended at {call.at}, which is no time")
    texts = [text for charge in call.charges for text in (charge.amount, charge.limit)]
    for text in (*texts, *([usage.cost] if usage else ())):
        amount(text)


def window_keys(call: ModelCalled) -> Iterator[str]:
    """`by/name@version` of each window that a call is counted in, `tenant/name` of that of who is charged.

    A trial costs money, but is no use of its prompt.
    """
    yield f"model/{call.model}"
    if not is_trial(call.workflow, call.prompt):
        yield f"prompt/{call.prompt}"
    yield f"workflow/{call.workflow}"
    if call.tenant is not None:
        yield f"tenant/{call.tenant}"


def named(key: str) -> tuple[str, str, int | None]:
    """By, name and version of a window's key. A tenant has no version, and its name may have an `@`."""
    by, _, reference = key.partition("/")
    name, _, version = reference.partition("@")
    if by == "tenant" or not (version.isascii() and version.isdigit() and len(version) <= LONGEST_VERSION):
        return by, reference if by == "tenant" else name, None
    return by, name, int(version)


def budget_key(charge: Charge) -> str:
    """`budget/name/period` of a budget that pays for a call."""
    return f"{BUDGET}/{charge.budget}/{charge.period}"


def is_new(recent: tuple[str, ...], call: ModelCalled) -> bool:
    """Whether a call is none of these."""
    return _mark(call) not in recent


def kept(recent: tuple[str, ...], call: ModelCalled) -> tuple[str, ...]:
    """The last calls, with this one."""
    return (*recent, _mark(call))[-REMEMBERED:]


def _mark(call: ModelCalled) -> str:
    return blake2s(call.id.encode(), digest_size=6).hexdigest()
