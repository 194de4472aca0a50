"""How long sums are kept, in the time of the stream: that of the newest record of their partition."""

from datetime import UTC, datetime, timedelta

from usage_meter.core.measures import MINUTE_MS

KEPT_MS = 60 * MINUTE_MS
"""How far from its time a call may be told of and still be counted."""
MARKED_MS = 5 * MINUTE_MS
"""How long after a window's end the calls in it are known by their marks."""

HOUR_MS = 60 * MINUTE_MS
SETTLED_MS = 24 * HOUR_MS
"""How long after its end a period's calls are still counted: a call is charged to the period in which it began."""


def is_timely(at: int, now: int) -> bool:
    """Whether a call of this time is counted."""
    return abs(at - now) < KEPT_MS


def is_over(start: int, now: int) -> bool:
    """Whether no timely call is left for the window that begins then."""
    return start + MINUTE_MS + KEPT_MS <= now


def is_settled(start: int, now: int) -> bool:
    """Whether the window that begins then needs its marks no more."""
    return start + MINUTE_MS + MARKED_MS <= now


def is_period_over(period: str, now: int) -> bool:
    """Whether no call is counted any more for a budget's period: `2026-11-24`, `2026-11`, or `total`, which never ends.

    What is none of these is over: nothing would ever drop it.
    """
    if period == "total":
        return False
    end = _end(period)
    return end is None or end + SETTLED_MS <= now


def _end(period: str) -> int | None:
    """Epoch milliseconds at which a day or a month ends, in UTC; None for what is neither."""
    form, days = ("%Y-%m-%d", 1) if period.count("-") == 2 else ("%Y-%m", 31)
    try:
        end = datetime.strptime(period, form).replace(tzinfo=UTC) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return round((end if days == 1 else end.replace(day=1)).timestamp() * 1000)
