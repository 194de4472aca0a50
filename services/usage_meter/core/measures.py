"""What a call is counted under, and whether it was counted before."""

from collections.abc import Iterator
from hashlib import blake2s

from headrace.events.model import ModelCalled

MINUTE_MS = 60_000
"""Length of a window."""
REMEMBERED = 64
"""Calls that each sum remembers, to count none of them twice: a repetition comes soon, if it comes."""
BUDGET = "budget"


def window_keys(call: ModelCalled) -> Iterator[str]:
    """`by/name` of each window that a call is counted in; names without versions."""
    for by, reference in (("model", call.model), ("prompt", call.prompt), ("workflow", call.workflow)):
        yield f"{by}/{reference.partition('@')[0]}"
    if call.tenant is not None:
        yield f"tenant/{call.tenant}"


def budget_keys(call: ModelCalled) -> Iterator[str]:
    """`budget/name/period` of each budget that pays for a call."""
    for charge in call.charges:
        yield f"{BUDGET}/{charge.budget}/{charge.period}"


def is_new(recent: tuple[str, ...], call: ModelCalled) -> bool:
    """Whether a call is none of these."""
    return _mark(call) not in recent


def kept(recent: tuple[str, ...], call: ModelCalled) -> tuple[str, ...]:
    """The last calls, with this one."""
    return (*recent, _mark(call))[-REMEMBERED:]


def _mark(call: ModelCalled) -> str:
    return blake2s(call.id.encode(), digest_size=6).hexdigest()
