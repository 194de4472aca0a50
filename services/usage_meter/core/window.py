"""Sums of one minute."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from headrace.events.model import ModelCalled
from headrace.events.usage import UsageAlert, UsageWindow
from usage_meter.core.measures import MINUTE_MS, is_new, kept, named

FAILING = Decimal("0.5")
"""Share of a model's calls in a window that must fail before somebody is told."""
FEWEST = 10
"""Calls in a window before its share of errors says anything."""

NO_ERRORS = {"ok", "run_stopped"}
"""Outcomes that say nothing against a model: a call that is cut off because its run has ended is not its fault."""


class Window(msgspec.Struct, frozen=True):
    """What calls took. costs: decimal text by currency. recent: marks of the last calls. told: of errors."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    costs: Mapping[str, str] = {}
    latency_ms: int = 0
    slowest_ms: int = 0
    recent: tuple[str, ...] = ()
    told: bool = False

    @property
    def error_share(self) -> Decimal:
        """Failed calls among all; 0 when there are none."""
        return Decimal(self.errors) / max(self.calls, 1)


def with_call(window: Window, call: ModelCalled) -> Window:
    """The window with a call, unless it is among the last ones already."""
    if not is_new(window.recent, call):
        return window
    usage = call.usage
    return Window(
        calls=window.calls + 1,
        errors=window.errors + (call.outcome not in NO_ERRORS),
        input_tokens=window.input_tokens + (usage.input_tokens if usage else 0),
        output_tokens=window.output_tokens + (usage.output_tokens if usage else 0),
        cached_tokens=window.cached_tokens + (usage.cached_tokens if usage else 0),
        costs=_added(window.costs, usage.currency, usage.cost) if usage else window.costs,
        latency_ms=window.latency_ms + call.latency_ms,
        slowest_ms=max(window.slowest_ms, call.latency_ms),
        recent=kept(window.recent, call),
        told=window.told,
    )


def _added(costs: Mapping[str, str], currency: str, cost: str) -> Mapping[str, str]:
    return {**costs, currency: f"{Decimal(costs.get(currency, '0')) + Decimal(cost):f}"}


def usage_window(key: str, start: int, window: Window) -> UsageWindow:
    """The window as it is published. key: as `window_keys` has it. start: epoch milliseconds."""
    by, name, version = named(key)
    sums = {field: getattr(window, field) for field in window.__struct_fields__ if field not in {"recent", "told"}}
    return UsageWindow(by=by, name=name, version=version, start=start, end=start + MINUTE_MS, **sums)


def error_alerts(key: str, window: Window, now: int) -> Iterator[UsageAlert]:
    """What there is to tell of the window of a model's version that was not told yet."""
    by, name, version = named(key)
    if by == "model" and not window.told and window.calls >= FEWEST and window.error_share >= FAILING:
        message = f"{window.errors} of {window.calls} calls of {name}@{version} failed within a minute"
        share = f"{window.error_share:.2f}"
        yield UsageAlert(at=now, kind="errors", about=name, message=message, value=share, threshold=str(FAILING))
