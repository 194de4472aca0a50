"""Sums of the usage meter's windows. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from headrace.events.usage import UsageWindow

MINUTE_MS = 60_000


class Usage(NamedTuple):
    """What the calls of one name, or of one of its versions (`name@3`), took.

    costs: by currency. mean_ms, slowest_ms: from request to last byte.
    """

    name: str
    calls: int
    errors: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    costs: Mapping[str, Decimal]
    mean_ms: float
    slowest_ms: int


class Series(NamedTuple):
    """Calls over time. times: epoch milliseconds at which equal stretches begin. calls: in each of them, by name."""

    times: Sequence[int]
    calls: Mapping[str, Sequence[int]]


def with_versions(window: UsageWindow) -> UsageWindow:
    """The window under `name@3`, so that versions are told apart; a tenant has none."""
    if window.version is None:
        return window
    return msgspec.structs.replace(window, name=f"{window.name}@{window.version}")


def usage_by_name(windows: Iterable[UsageWindow]) -> list[Usage]:
    """One sum a name, the most called first."""
    by_name: dict[str, list[UsageWindow]] = defaultdict(list)
    for window in windows:
        by_name[window.name].append(window)
    return sorted((_usage(name, those) for name, those in by_name.items()), key=lambda one: (-one.calls, one.name))


def _usage(name: str, windows: Sequence[UsageWindow]) -> Usage:
    calls = sum(window.calls for window in windows)
    return Usage(
        name,
        calls,
        sum(window.errors for window in windows),
        sum(window.input_tokens for window in windows),
        sum(window.cached_tokens for window in windows),
        sum(window.output_tokens for window in windows),
        costs_of(windows),
        sum(window.latency_ms for window in windows) / max(calls, 1),
        max(window.slowest_ms for window in windows),
    )


def costs_of(windows: Iterable[UsageWindow]) -> Mapping[str, Decimal]:
    """Money by currency."""
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for window in windows:
        for currency, cost in window.costs.items():
            costs[currency] += Decimal(cost)
    return dict(costs)


def series(windows: Iterable[UsageWindow], since: int, until: int, most: int) -> Series:
    """Calls between two times, in at most so many stretches of whole minutes."""
    minutes = max(-(-(until - since) // MINUTE_MS), 1)
    step = -(-minutes // most) * MINUTE_MS
    first = since - since % MINUTE_MS
    times = range(first, max(until, first + 1), step)
    calls: dict[str, list[int]] = {}
    for window in windows:
        place = (window.start - first) // step
        if 0 <= place < len(times):
            calls.setdefault(window.name, [0] * len(times))[place] += window.calls
    return Series(times, calls)
