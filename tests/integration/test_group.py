"""Membership of a consumer group on the real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from operator import attrgetter

import pytest
from aiokafka import TopicPartition

from headrace.errors import KafkaUnavailable
from headrace.group import Member
from headrace.topics import PROMPT_COMMANDS, Topic
from tests.conftest import Stack
from tests.support import topics
from tests.support.names import suffix
from tests.support.waiting import until


class Owner:
    """Owns what it is given, unless it fails to take it, or to let it go."""

    def __init__(self, fails_at: str = "") -> None:
        self.owned: set[TopicPartition] = set()
        self.assigned = asyncio.Event()
        self.failed = asyncio.Event()
        self._fails_at = fails_at

    async def revoke(self, places: Collection[TopicPartition]) -> None:
        self._fail("revoke")
        assert self.owned == set(places)
        self.owned = set()
        self.assigned.clear()

    async def assign(self, places: Collection[TopicPartition]) -> None:
        self._fail("assign")
        assert not self.owned
        self.owned = set(places)
        self.assigned.set()

    def _fail(self, point: str) -> None:
        if point == self._fails_at and (self.owned or point == "assign"):
            self.failed.set()
            raise LookupError(point)


@pytest.fixture
async def pair(stack: Stack) -> AsyncIterator[tuple[Topic, ...]]:
    """Two topics of a test's own."""
    own = topics.renamed(suffix(), PROMPT_COMMANDS)
    own += topics.renamed(suffix(), PROMPT_COMMANDS)
    async with topics.created(stack.kafka, own):
        yield own


@asynccontextmanager
async def member(stack: Stack, pair: tuple[Topic, ...], owner: Owner, name: str | None) -> AsyncIterator[Member]:
    made = Member(stack.kafka, owner, group=pair[0].name, name=name)
    await made.start(topic.name for topic in pair)
    try:
        yield made
    finally:
        await made.stop()


async def test_equal_partitions_of_all_topics_have_one_owner(stack: Stack, pair: tuple[Topic, ...]) -> None:
    # given more members than partitions, so that an assignor that deals places out one by one would mix them
    owners = [Owner() for _ in range(stack.kafka.partitions + 1)]
    every = {TopicPartition(topic.name, number) for topic in pair for number in range(stack.kafka.partitions)}

    async def settled() -> bool:
        owned = [owner.owned for owner in owners]
        alike = [{TopicPartition(topic.name, place.partition) for topic in pair for place in part} for part in owned]
        return owned == alike and set().union(*owned) == every and sum(map(len, owned)) == len(every)

    async with contextlib.AsyncExitStack() as members:
        for number, owner in enumerate(owners):
            await members.enter_async_context(member(stack, pair, owner, f"member-{number}"))
            await asyncio.wait_for(owner.assigned.wait(), 10)
        await until(settled)


@pytest.mark.parametrize("point", ["assign", "revoke"])
async def test_what_an_owner_fails_at_is_raised_by_the_next_poll(
    stack: Stack, pair: tuple[Topic, ...], point: str
) -> None:
    owner = Owner(fails_at=point)
    async with member(stack, pair, owner, "one") as failing, asyncio.timeout(20):
        if point == "revoke":
            await owner.assigned.wait()
            async with member(stack, pair, other := Owner(), "two"):
                await other.assigned.wait()
        await owner.failed.wait()
        with pytest.raises(LookupError, match=point):
            await failing.poll(100, 1)


@pytest.mark.parametrize("task", ["_client._sync_task", "_fetcher.error_future"])
async def test_a_consumer_that_the_library_has_given_up_is_no_silent_one(
    stack: Stack, pair: tuple[Topic, ...], task: str
) -> None:
    async with member(stack, pair, owner := Owner(), "one") as given_up, asyncio.timeout(20):
        await owner.assigned.wait()
        assert await given_up.poll(0, 1) == {}
        ending = attrgetter(task)(given_up.consumer)  # as it ends at an error that aiokafka does not expect
        ending.cancel()
        await asyncio.wait([ending])
        with pytest.raises(KafkaUnavailable, match="aiokafka has given up a consumer"):
            await given_up.poll(0, 1)


async def test_a_topic_that_comes_a_little_late_is_waited_for(stack: Stack) -> None:
    own = topics.renamed(suffix(), PROMPT_COMMANDS)
    owner = Owner()
    waiting = Member(stack.kafka, owner, group=own[0].name, name="one")
    joining = asyncio.create_task(waiting.start([own[0].name]))
    async with topics.created(stack.kafka, own):
        await joining
        await asyncio.wait_for(owner.assigned.wait(), 10)
        assert len(owner.owned) == stack.kafka.partitions
        await waiting.stop()


async def test_a_topic_that_does_not_come_is_named(stack: Stack) -> None:
    waiting = Member(stack.kafka, Owner(), group="nobody", name=None)
    with pytest.raises(KafkaUnavailable, match="no topics there-is-none; they have to be created first"):
        await waiting.start(["there-is-none"])
