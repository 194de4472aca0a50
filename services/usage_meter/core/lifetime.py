"""How long a window is kept, in the time of the stream: that of the newest record of its partition."""

from usage_meter.core.measures import MINUTE_MS

KEPT_MS = 60 * MINUTE_MS
"""How far from its time a call may be told of and still be counted."""
MARKED_MS = 5 * MINUTE_MS
"""How long after a window's end the calls in it are known by their marks."""


def is_timely(at: int, now: int) -> bool:
    """Whether a call of this time is counted."""
    return abs(at - now) < KEPT_MS


def is_over(start: int, now: int) -> bool:
    """Whether no timely call is left for the window that begins then."""
    return start + MINUTE_MS + KEPT_MS <= now


def is_settled(start: int, now: int) -> bool:
    """Whether the window that begins then needs its marks no more."""
    return start + MINUTE_MS + MARKED_MS <= now
