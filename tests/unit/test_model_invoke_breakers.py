"""Circuit breakers: when they open, whom they let through, and how workers share what they see."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import NodeError
from headrace.events.model import ModelHealthChanged
from model_invoke.core.window import Threshold, Window
from model_invoke.guards.breakers import COUNTED, Breakers
from model_invoke.ports import ProviderFault, Rejected
from tests.support.waiting import until
from tests.unit.asking import Told, answering, down, pinned, work

QUICK = Threshold(share=0.5, calls=4, window_s=30.0, open_s=0.05)
SLOW = Threshold(share=0.5, calls=4, window_s=30.0, open_s=60.0)
ANSWERED_FAULTS = ["provider_refused", "model_refused"]


class Worker:
    """One process: its breakers, and its model m@1 that does as it is told."""

    def __init__(self, instance: str, threshold: Threshold = QUICK) -> None:
        self.told = Told()
        self.breakers = Breakers(threshold, instance, self.told.tell)
        self.breaker = self.breakers.of("m@1")
        self.calls = 0
        self.probe: asyncio.Task[str] | None = None

    async def call(self, fault: Exception | None = None, *, timeout_s: float = 60.0) -> str:
        """What became of a call: ok, or a code."""

        async def made() -> str:
            self.calls += 1
            if fault:
                raise fault
            return "ok"

        try:
            return await self.breaker.call(made, timeout_s, 60.0)
        except (ProviderFault, Rejected, NodeError) as error:
            return error.code

    async def trip(self) -> None:
        for _ in range(4):
            await self.call(down())

    @property
    def states(self) -> list[str]:
        return [health.state for health in self.told.of(ModelHealthChanged)]

    @property
    def newest(self) -> ModelHealthChanged:
        return self.told.of(ModelHealthChanged)[-1]

    async def closes(self) -> None:
        """Wait until the breaker lets a call through."""

        async def look() -> bool:
            return await self.call() == "ok"

        await until(look, every_s=0.005)

    async def probes(self, fault: Exception) -> None:
        """Wait until the breaker has let a call through that fails."""

        async def look() -> bool:
            return await self.call(fault) != "breaker_open"

        await until(look, every_s=0.005)


@pytest.fixture
def worker() -> Worker:
    return Worker("one")


class TestOpening:
    async def test_at_a_share_of_enough_calls(self) -> None:
        worker = Worker("one", SLOW)

        codes = [await worker.call(fault) for fault in (down(), None, None, down(), None, down())]

        assert codes == ["provider_unavailable", "ok", "ok", "provider_unavailable", "breaker_open", "breaker_open"]
        assert (worker.newest.state, worker.newest.calls, worker.newest.failures) == ("open", 4, 2)
        assert worker.newest.reason == "2 of 4 calls within 30 s failed, the last with provider_unavailable"
        assert worker.newest.retry_at == worker.newest.at + 60_000

    def test_are_a_providers_own(self) -> None:
        counted = {"provider_unavailable", "provider_timeout", "provider_rate_limited", "provider_answer_invalid"}
        assert counted == COUNTED

    @pytest.mark.parametrize("code", sorted(COUNTED))
    async def test_for_faults_of_the_providers_own(self, worker: Worker, code: str) -> None:
        assert [await worker.call(down(code)) for _ in range(5)] == [code] * 4 + ["breaker_open"]

    @pytest.mark.parametrize("code", ANSWERED_FAULTS)
    async def test_never_for_what_the_caller_did_wrong(self, worker: Worker, code: str) -> None:
        assert [await worker.call(down(code)) for _ in range(20)] == [code] * 20
        assert worker.states == []

    async def test_never_for_calls_that_had_no_time(self, worker: Worker) -> None:
        late = [await worker.call(down("provider_timeout"), timeout_s=0.2) for _ in range(20)]

        assert (late, worker.states) == (["provider_timeout"] * 20, [])

    async def test_never_for_calls_that_are_not_made(self, worker: Worker) -> None:
        unset = [await worker.call(NodeError("provider_unconfigured", "no key")) for _ in range(20)]

        assert (unset, worker.states) == (["provider_unconfigured"] * 20, [])

    async def test_once_however_many_calls_were_under_way(self) -> None:
        worker = Worker("one", SLOW)
        ready = asyncio.Event()

        async def made() -> str:
            await ready.wait()
            raise down()

        calls = [asyncio.create_task(worker.breaker.call(made, 60.0, 60.0)) for _ in range(20)]
        await asyncio.sleep(0)
        ready.set()
        await asyncio.gather(*calls, return_exceptions=True)

        assert worker.states == ["open"]
        assert await worker.call() == "breaker_open"

    async def test_not_again_for_calls_that_began_before_it_was_closed(self, worker: Worker) -> None:
        ready = asyncio.Event()

        async def made() -> str:
            await ready.wait()
            raise down()

        slow = [asyncio.create_task(worker.breaker.call(made, 60.0, 60.0)) for _ in range(6)]
        await asyncio.sleep(0)
        await worker.trip()
        await worker.closes()
        ready.set()
        failures = await asyncio.gather(*slow, return_exceptions=True)

        assert all(isinstance(failure, ProviderFault) for failure in failures)
        assert worker.states == ["open", "half_open", "closed"]


class TestHalfOpen:
    async def test_one_probe_that_is_answered_closes_it(self, worker: Worker) -> None:
        await worker.trip()

        await worker.closes()

        assert worker.states == ["open", "half_open", "closed"]
        assert worker.newest.reason == "the probe was answered"

    async def test_a_probe_that_fails_opens_it_again(self, worker: Worker) -> None:
        await worker.trip()
        await worker.probes(down())

        assert worker.states == ["open", "half_open", "open"]
        assert worker.newest.reason == "the probe failed with provider_unavailable"
        assert worker.calls == 5

    async def test_all_others_are_rejected_while_a_probe_is_under_way(self, worker: Worker) -> None:
        await worker.trip()
        probing = await under_way(worker)

        assert {await worker.call() for _ in range(5)} == {"breaker_open"}
        probing.set()
        await worker.closes()

    async def test_a_probe_that_is_given_up_leaves_room_for_another(self, worker: Worker) -> None:
        await worker.trip()
        await under_way(worker)
        assert worker.probe
        worker.probe.cancel()
        await worker.closes()

        assert worker.states == ["open", "half_open", "closed"]

    async def test_a_probe_that_is_refused_was_answered(self, worker: Worker) -> None:
        await worker.trip()
        await worker.probes(down("provider_refused"))

        assert worker.newest.state == "closed"

    async def test_a_probe_closes_nothing_that_was_opened_since(self) -> None:
        # given a probe under way, when another worker opens the breaker again
        one = Worker("one")
        await one.trip()
        probing = await under_way(one)
        one.breakers.follow({"m@1": opened(one)}, ["m@1"])
        # when it is answered
        probing.set()
        assert one.probe
        assert await one.probe == "ok"
        # then its caller has the answer, and the breaker stays as it is
        assert await one.call() == "breaker_open"
        assert one.states == ["open", "half_open"]

    async def test_a_probe_that_ends_late_lets_nobody_by_the_one_under_way(self, worker: Worker) -> None:
        # given a probe that another worker's news has overtaken, and a newer one
        await worker.trip()
        late = await under_way(worker)
        first = worker.probe
        worker.breakers.follow({"m@1": opened(worker, for_ms=1)}, ["m@1"])
        newer = await under_way(worker)
        # when the first one ends
        late.set()
        assert first
        await first
        # then the newer one is still alone
        assert await worker.call() == "breaker_open"
        newer.set()
        assert worker.probe
        await worker.probe
        assert worker.states == ["open", "half_open", "half_open", "closed"]


def opened(worker: Worker, for_ms: int = 60_000) -> ModelHealthChanged:
    """What another worker tells that has just opened the breaker."""
    at = worker.newest.at + 1
    return ModelHealthChanged(at=at, state="open", retry_at=at + for_ms, reason="it fails", instance="two")


async def under_way(worker: Worker) -> asyncio.Event:
    """A probe that waits for the event."""
    probing, began = asyncio.Event(), asyncio.Event()

    async def made() -> str:
        began.set()
        await probing.wait()
        return "ok"

    async def is_through() -> bool:
        worker.probe, beginning = asyncio.create_task(call()), asyncio.create_task(began.wait())
        await asyncio.wait({worker.probe, beginning}, return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        return began.is_set()

    async def call() -> str:
        try:
            return await worker.breaker.call(made, 60.0, 60.0)
        except Rejected as error:
            return error.code

    await until(is_through, every_s=0.005)
    return probing


class TestSharing:
    async def test_what_one_worker_opens_is_open_for_all(self) -> None:
        one, two = Worker("one", SLOW), Worker("two", SLOW)
        await one.trip()

        two.breakers.follow({"m@1": one.newest}, ["m@1"])

        assert await two.call() == "breaker_open"
        assert two.calls == 0
        assert two.states == [], "what others told is not told again"

    @pytest.mark.parametrize("times", [{"retry_at": 2**62}, {"retry_at": -(2**62)}, {"at": 2**62, "retry_at": 1}])
    async def test_times_that_no_worker_tells_change_nothing(self, times: dict[str, int]) -> None:
        worker = Worker("one")
        known = ModelHealthChanged(at=1, state="open", reason="forged", instance="nobody")

        worker.breakers.follow({"m@1": msgspec.structs.replace(known, **times)}, ["m@1"])

        assert await worker.call() == "ok"

    async def test_who_hears_of_an_open_one_probes_when_it_is_time(self) -> None:
        one, two = Worker("one"), Worker("two")
        await one.trip()
        two.breakers.follow({"m@1": one.newest}, ["m@1"])

        await two.closes()

        assert two.states == ["half_open", "closed"]

    async def test_a_worker_whose_clock_goes_ahead_keeps_nobody_waiting(self) -> None:
        one, two, hour = Worker("one"), Worker("two"), 3_600_000
        await one.trip()
        seen = one.newest
        assert seen.retry_at

        two.breakers.follow(
            {"m@1": msgspec.structs.replace(seen, at=seen.at + hour, retry_at=seen.retry_at + hour)}, ["m@1"]
        )

        assert await two.call() == "breaker_open"
        await two.closes()

    async def test_nobody_probes_while_another_does(self) -> None:
        one, two = Worker("one"), Worker("two")
        await one.trip()
        await one.closes()
        _, half_open, closed = one.told.of(ModelHealthChanged)

        two.breakers.follow({"m@1": half_open}, ["m@1"])
        assert await two.call() == "breaker_open"

        two.breakers.follow({"m@1": closed}, ["m@1"])
        assert await two.call() == "ok"

    async def test_a_probe_of_which_nothing_is_heard_is_made_by_another(self) -> None:
        two = Worker("two")
        lost = ModelHealthChanged(at=1, state="half_open", retry_at=2, reason="one probe is under way", instance="dead")

        two.breakers.follow({"m@1": lost}, ["m@1"])

        assert await two.call() == "ok"
        assert two.states == ["closed"]

    async def test_a_worker_that_starts_again_knows_what_it_had_seen(self) -> None:
        before, again = Worker("one", SLOW), Worker("one", SLOW)
        await before.trip()

        again.breakers.follow({"m@1": before.newest}, ["m@1"])

        assert await again.call() == "breaker_open"

    async def test_what_is_older_than_what_is_known_changes_nothing(self) -> None:
        worker = Worker("one", SLOW)
        await worker.trip()

        worker.breakers.follow(
            {"m@1": ModelHealthChanged(at=1, state="closed", reason="then", instance="two")}, ["m@1"]
        )

        assert await worker.call() == "breaker_open"


class TestChain:
    async def test_a_model_whose_breaker_is_open_is_passed_over(self) -> None:
        world = answering({"a": down()}, threshold=SLOW)
        for _ in range(4):
            await world.done(work(pinned("a"), pinned("b")))

        done = await world.done(work(pinned("a"), pinned("b")))

        assert [(call.provider, call.outcome) for call in done.calls] == [("a@1", "breaker_open"), ("b@1", "ok")]
        assert "is open until" in (done.calls[0].reason or "")
        assert world.models.calls.count("a") == 4
        assert world.made.count(("a@1", "provider_unavailable")) == 4


class TestWindow:
    @given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=60), st.integers(1, 12))
    def test_counts_what_is_in_it_and_nothing_else(self, calls: list[tuple[float, bool]], least: int) -> None:
        threshold, now, kept = Threshold(share=0.5, calls=least, window_s=30.0), 0.0, []
        window = Window(threshold)
        for pause, failed in calls:
            now += pause
            window.add(now, failed=failed)
            kept.append((now, failed))
        within = [failed for at, failed in kept if at > now - 30.0]

        assert window.counts(now) == (len(within), sum(within))
        assert window.is_over(now) == (len(within) >= least and sum(within) * 2 >= len(within))
