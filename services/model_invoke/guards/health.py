"""What is believed of the circuit breakers that other workers tell of. Pure; times are epoch milliseconds."""

import msgspec

from headrace.events.model import ModelHealthChanged

STATES = frozenset({"closed", "open", "half_open"})
AHEAD_MS = 3_600_000
"""How far ahead of ours another worker's clock may be."""
LONGEST_MS = 3_600_000
"""How far ahead of a change the next probe may be."""


def is_sound(health: ModelHealthChanged, now: int) -> bool:
    """Whether a worker can have told this: a state there is, at times that are not far ahead of ours.

    What comes from elsewhere may neither end us nor hold against all that workers tell from now on.
    """
    return (
        health.state in STATES and health.at <= now + AHEAD_MS and 0 <= (health.retry_at or 0) <= health.at + LONGEST_MS
    )


def by_our_clock(health: ModelHealthChanged, now: int) -> ModelHealthChanged:
    """What a worker saw whose clock may go ahead: not later than now, and with no longer a wait than it meant."""
    until = None if health.retry_at is None else min(health.retry_at, now + health.retry_at - health.at)
    return msgspec.structs.replace(health, at=min(health.at, now), retry_at=until)
