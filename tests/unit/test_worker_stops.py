"""What is under way for a run that ends is cut off, and nothing is started for it any more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headrace.worker.ended import EndedRuns
from headrace.worker.stops import Stops


class Work:
    """Waits to be told to end; notes that it was cut off, and takes a moment to settle."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.log: list[str] = []

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.log.append("settled")
            raise
        return "done"


async def begun(stops: Stops, run: str) -> tuple[Work, "asyncio.Task[str | None]"]:
    work = Work()
    task = asyncio.create_task(stops.unless_ended(run, work))
    await work.begun.wait()
    return work, task


async def test_work_for_a_run_that_ends_is_cut_off_and_settles_others_go_on() -> None:
    stops = Stops()
    (first, cut), (second, also_cut), (other, whole) = [await begun(stops, run) for run in ("r", "r", "other")]
    stops.stop("r")
    assert (await cut, await also_cut) == (None, None)
    assert (first.log, second.log) == (["settled"], ["settled"])
    other.may_end.set()
    assert await whole == "done"


async def test_a_run_that_is_told_of_twice_ends_once() -> None:
    stops = Stops()
    work, task = await begun(stops, "r")
    stops.stop("r")
    await asyncio.sleep(0)
    stops.stop("r")
    assert await task is None
    assert work.log == ["settled"]


async def test_nothing_is_started_for_a_run_that_has_ended() -> None:
    stops, work = Stops(), Work()
    stops.stop("r")
    assert stops.has_ended("r")
    assert await stops.unless_ended("r", work) is None
    assert not work.begun.is_set()


async def test_work_that_ended_before_is_not_touched() -> None:
    stops = Stops()
    work, task = await begun(stops, "r")
    work.may_end.set()
    assert await task == "done"
    stops.stop("r")
    assert work.log == []


async def test_a_shutdown_is_no_end_of_a_run() -> None:
    stops = Stops()
    _, task = await begun(stops, "r")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not stops.has_ended("r")


async def test_a_shutdown_in_the_middle_of_a_stop_is_a_shutdown() -> None:
    stops = Stops()

    async def settles_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    task = asyncio.create_task(stops.unless_ended("r", settles_for_ever))
    await asyncio.sleep(0)
    stops.stop("r")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def late() -> Callable[[], Awaitable[Any]]:
    async def work() -> None:
        raise TimeoutError("its own")

    return work


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(TimeoutError, match="its own"):
        await Stops().unless_ended("r", late())


def test_an_ended_run_is_remembered_for_a_while() -> None:
    runs = EndedRuns(most=2, kept_s=10)
    assert runs.add("a", 0)
    assert not runs.add("a", 9)
    assert runs.has("a", 9.9)
    assert not runs.has("a", 10)
    assert runs.add("a", 10)
    assert runs.has("a", 19)


def test_the_oldest_is_forgotten_for_the_newest() -> None:
    runs = EndedRuns(most=2, kept_s=10)
    for now, run in enumerate("abc"):
        runs.add(run, now)
    assert [runs.has(run, 3) for run in "abc"] == [False, True, True]
