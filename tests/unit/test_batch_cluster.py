"""Partitions, a worker and time, in any order, with owners that die before they commit: no run is lost or doubled."""

from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from headrace import audit
from headrace.cloudevents import Attributes
from headrace.events import node
from headrace.kafka import partition_of
from headrace.machine.batch import Batch
from headrace.machine.memory import Memory
from headrace.outbox import Record
from headrace.seen import Seen
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, RUN_EVENTS, RUN_REQUESTS, RUN_RESULTS, RUN_STATE, TERMINAL
from tests.unit.engine import CODEC, NOW, succeeded
from tests.unit.partitions import PARTITIONS, START, a_machine, entries, sent
from workflow_router.machine import RunMachine

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "work", "work", "work", "repeat", "time"]),
        st.integers(0, 1),
        st.integers(0, 9),
    ),
    max_size=30,
)


@dataclass
class Cluster:
    """Two partitions of the router and a worker, over topics in memory; a commit is all or nothing."""

    machine: RunMachine
    topics: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    memories: list[Memory[Any]] = field(default_factory=list)
    worked: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    now: int = NOW

    def __post_init__(self) -> None:
        self.memories = [Memory(self.machine, {}) for _ in range(PARTITIONS)]

    def append(self, topic: str, partition: int, kept: Record) -> None:
        log = self.topics.setdefault((topic, partition), [])
        key, value, headers = kept
        log.append(ConsumerRecord(topic, partition, len(log), self.now, 0, key, value, None, 0, 0, tuple(headers)))

    def route(self, partition: int, most: int, *, dies: bool = False) -> None:
        """One batch of at most so many records of each topic; whoever dies before the commit is restarted."""
        memory = self.memories[partition]
        batch = Batch(self.machine, CODEC, memory, partition, PARTITIONS, self.now)
        for topic in self.machine.inputs:
            start = memory.position.get(topic.name, 0)
            batch.consume(self.topics.get((topic.name, partition), [])[start : start + most])
        batch.tick()
        if batch.empty:
            return
        batch.close()
        if dies:
            log = self.topics.get((RUN_STATE.name, partition), [])
            self.memories[partition] = Memory(self.machine, entries((one.key, one.value, []) for one in log))
        else:
            for topic_name, number, kept in sent(batch):
                self.append(topic_name, number, kept)

    def work(self, partition: int) -> None:
        """The worker answers the next request."""
        log = self.topics.get((NODE_REQUESTS["template"].name, partition), [])
        if self.worked[partition] < len(log):
            taken = log[self.worked[partition]]
            self.worked[partition] += 1
            work = CODEC.decode(NODE_REQUESTS["template"], taken.value)
            assert isinstance(work, node.ExecuteNode)
            done = succeeded(work.node, {"yes": True}, work.attempt)
            self.append(NODE_OUTCOMES.name, partition, (taken.key, CODEC.encode(NODE_OUTCOMES, done), []))

    def play(self, action: tuple[str, int, int]) -> None:
        kind, partition, how = action
        if kind in ("start", "repeat"):
            value = CODEC.encode(RUN_REQUESTS, START)
            self.append(RUN_REQUESTS.name, partition, (f"run-{how % 5}".encode(), value, []))
        elif kind == "work":
            self.work(partition)
        else:
            self.now += how * 400

    def settle(self) -> None:
        """No more failures: everything is answered, and retries become due."""
        for _ in range(40):
            self.now += 10
            for partition in range(PARTITIONS):
                self.route(partition, 500)
                for _ in range(20):
                    self.work(partition)

    def log(self) -> list[Any]:
        return [one for partition in range(PARTITIONS) for one in self.topics.get((RUN_EVENTS.name, partition), [])]


@given(ACTIONS, st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4), st.booleans()), max_size=30))
def test_whoever_dies_before_a_commit_every_run_ends_once_with_a_whole_log(
    actions: list[tuple[str, int, int]], batches: list[tuple[int, int, bool]]
) -> None:
    cluster = Cluster(a_machine(a={"timeout_ms": 1_000, "retry": {"attempts": 3, "backoff_ms": 10}}))
    for number, action in enumerate(actions):
        cluster.play(action)
        for partition, most, dies in batches[number : number + 1]:
            cluster.route(partition, most, dies=dies)
    cluster.settle()
    runs: dict[bytes, list[Any]] = {}
    for one in cluster.log():
        runs.setdefault(one.key, []).append(one)
    asked = {
        key
        for (topic, _), log in cluster.topics.items()
        if topic == RUN_REQUESTS.name
        for key in (one.key for one in log)
    }
    assert runs.keys() == asked
    for log in runs.values():
        assert audit.faults([seen(one) for one in log]) == []
        assert isinstance(seen(log[-1]).event, TERMINAL)
        assert {one.partition for one in log} == {partition_of(log[0].key, PARTITIONS)}
    results = [one for (topic, _), log in cluster.topics.items() if topic == RUN_RESULTS.name for one in log]
    assert sorted(one.key for one in results) == sorted(asked)


def seen(one: Any) -> Seen:
    event = CODEC.decode(RUN_EVENTS, one.value)
    return Seen(one.topic, one.partition, one.offset, NOW, one.key.decode(), Attributes(""), one.value, event)


@given(ACTIONS)
def test_what_a_state_topic_holds_is_what_its_owner_had_in_memory(actions: list[tuple[str, int, int]]) -> None:
    cluster = Cluster(a_machine(a={"timeout_ms": 1_000}))
    for action in actions:
        cluster.play(action)
        cluster.route(action[1], 2)
    for partition, memory in enumerate(cluster.memories):
        log = cluster.topics.get((RUN_STATE.name, partition), [])
        again = Memory(cluster.machine, entries((one.key, one.value, []) for one in log))
        assert (again.states, again.finished, again.position) == (memory.states, memory.finished, memory.position)
