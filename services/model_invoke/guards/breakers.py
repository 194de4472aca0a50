"""Circuit breakers: a model that keeps failing is left alone for a while, by all workers.

`aiobreaker` has the states and their order (closed, open, half-open). Behind it stands a window of ours, before it the
rule that one probe is made at a time, and every change of state is told to the other workers.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aiobreaker import CircuitBreaker, CircuitBreakerError, CircuitBreakerListener, CircuitBreakerState

from headrace.events.model import ModelHealthChanged
from model_invoke.core.window import Threshold
from model_invoke.guards.health import by_our_clock, is_sound
from model_invoke.guards.storage import Storage
from model_invoke.ports import ProviderFault, Rejected

T = TypeVar("T")
Tell = Callable[[str, ModelHealthChanged], None]

COUNTED = frozenset({"provider_unavailable", "provider_timeout", "provider_rate_limited", "provider_answer_invalid"})
"""Faults that are a provider's own. A refusal is an answer: it shows that somebody is there."""
FAIR_S = 1.0
"""A call that had less time than this, and less than its model's, says nothing about the provider by being late."""
PROBE_GRACE_S = 1.0
"""How much longer than it may take others wait for a probe of which nothing is heard."""
NAMES = {
    CircuitBreakerState.CLOSED: "closed",
    CircuitBreakerState.OPEN: "open",
    CircuitBreakerState.HALF_OPEN: "half_open",
}
BY_NAME = {name: state for state, name in NAMES.items()}


class _Unjudged(BaseException):
    """Carries what says nothing about the provider past aiobreaker, which takes every Exception for an outcome."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Late(BaseException):
    """Carries an answer past aiobreaker that says nothing of the breaker's state as it is now."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


class Breaker(CircuitBreakerListener):  # type: ignore[misc]  # aiobreaker has no types
    """One model's circuit breaker."""

    def __init__(self, name: str, threshold: Threshold, instance: str, tell: Tell) -> None:
        self._name = name
        self._threshold = threshold
        self._instance = instance
        self._tell = tell
        self._storage = Storage(name, threshold)
        self._breaker = CircuitBreaker(
            fail_max=1,
            timeout_duration=timedelta(seconds=threshold.open_s),
            exclude=[lambda error: not (isinstance(error, ProviderFault) and error.code in COUNTED)],
            listeners=[self],
            state_storage=self._storage,
        )
        self._probing: int | None = None
        self._probe_until = 0
        self._probe_s = 0.0
        self._fault = ""
        self._following = False
        self._known = ModelHealthChanged(at=0, state="closed", reason="nothing is known", instance=instance)

    def check(self) -> None:
        """Raise Rejected, breaker_open, if no call would be made now."""
        state, now = self._storage.state, _now()
        if state is CircuitBreakerState.OPEN and now < (self._known.retry_at or 0):
            raise self._rejected()
        if state is CircuitBreakerState.HALF_OPEN and (
            self._probing == self._storage.period or now < self._probe_until
        ):
            raise self._rejected()

    async def call(self, made: Callable[[], Awaitable[T]], timeout_s: float, model_timeout_s: float) -> T:
        """Make a call, if the breaker lets it through. Raises what the call raises, and Rejected breaker_open."""
        self.check()
        self._probe_s = timeout_s
        is_fair = timeout_s >= min(FAIR_S, model_timeout_s)
        try:
            return await self._breaker.call_async(self._judged, made, is_fair)  # type: ignore[no-any-return]
        except CircuitBreakerError as error:
            if isinstance(error.__cause__, ProviderFault):
                raise error.__cause__ from None
            raise self._rejected() from error
        except _Unjudged as unjudged:
            raise unjudged.error from None
        except _Late as late:
            return late.answer  # type: ignore[no-any-return]

    async def _judged(self, made: Callable[[], Awaitable[T]], is_fair: bool) -> T:
        period = self._storage.period
        if self._storage.state is CircuitBreakerState.HALF_OPEN:
            self._probing = period
        try:
            answer = await made()
        except ProviderFault as fault:
            if self._storage.period != period or (fault.code == "provider_timeout" and not is_fair):
                raise _Unjudged(fault) from fault
            self._fault = fault.code
            raise
        except Exception as error:
            raise _Unjudged(error) from error
        finally:
            if self._probing == period:
                self._probing = None
        if self._storage.period != period:
            raise _Late(answer)
        return answer

    def state_change(self, _: CircuitBreaker, __: object, new: Any) -> None:
        """Called by aiobreaker on every change, before the storage has it."""
        self._probe_until = 0
        if not self._following:
            self._known = self._changed(NAMES[new.state])
            self._tell(self._name, self._known)

    def follow(self, health: ModelHealthChanged) -> None:
        """Take over what another worker saw, or this one before a restart, unless it is older than what is known."""
        if health == self._known or health.at < self._known.at or not is_sound(health, now := _now()):
            return
        health = by_our_clock(health, now)
        self._known, self._following = health, True
        if health.retry_at is not None:
            self._storage.opened_at = _utc(health.retry_at - round(self._threshold.open_s * 1000))
        self._storage.state = BY_NAME[health.state]
        self._breaker.state  # noqa: B018  # makes aiobreaker take it over now
        self._following = False
        self._probe_until = (health.retry_at or 0) if health.state == "half_open" else 0

    def _changed(self, state: str) -> ModelHealthChanged:
        now, (calls, failures) = _now(), self._storage.window.counts(time.monotonic())
        reasons = {
            "closed": "the probe was answered",
            "half_open": "one probe is under way",
            "open": f"{failures} of {calls} calls within {self._threshold.window_s:g} s failed, "
            f"the last with {self._fault}"
            if calls
            else f"the probe failed with {self._fault}",
        }
        waits_s = {"open": self._threshold.open_s, "half_open": self._probe_s + PROBE_GRACE_S}
        retry_at = now + round(waits_s[state] * 1000) if state in waits_s else None
        return ModelHealthChanged(
            at=now,
            state=state,
            retry_at=retry_at,
            reason=reasons[state],
            calls=calls,
            failures=failures,
            instance=self._instance,
        )

    def _rejected(self) -> Rejected:
        known = self._known
        until = datetime.fromtimestamp((known.retry_at or 0) / 1000, UTC).isoformat(timespec="seconds")
        message = f"the circuit breaker of model {self._name} is {known.state} until {until}: {known.reason}"
        return Rejected("breaker_open", message, retryable=True)


class Breakers:
    """All models' breakers in this process."""

    def __init__(self, threshold: Threshold, instance: str, tell: Tell) -> None:
        self._threshold = threshold
        self._instance = instance
        self._tell = tell
        self._breakers: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """One model's, by its name@version."""
        if name not in self._breakers:
            self._breakers[name] = Breaker(name, self._threshold, self._instance, self._tell)
        return self._breakers[name]

    def follow(self, entries: Mapping[str, object], names: Iterable[str]) -> None:
        """Take over what other workers saw: these of the table's entries, by name@version."""
        for name in names:
            if isinstance(health := entries.get(name), ModelHealthChanged):
                self.of(name).follow(health)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)
