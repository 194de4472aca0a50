"""An outside program is a first-class user: the stock Confluent client, the public contract, and no Headrace code."""

import hashlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

DEADLINE_S = 60.0
"""Longest wait for what must come."""

SHOUT = {
    "input": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "nodes": {
        "loud": {
            "type": "template",
            "config": {"templates": {"text": "{{ text | upper }}"}},
            "input": {"text": "input.text"},
        },
        "size": {
            "type": "template",
            "config": {"expressions": {"value": "size(input.text)"}},
            "input": {"text": "nodes.loud.output.text"},
        },
    },
    "edges": [{"from": "loud", "to": "size"}],
    "output": {"text": "nodes.loud.output.text", "size": "nodes.size.output.value"},
}


class Record(NamedTuple):
    """A record as an outside program sees it."""

    name: str
    fields: dict[str, Any]
    key: bytes | None
    value: bytes


class Outsider:
    """What a program in any language would do."""

    def __init__(self, bootstrap: str, registry: SchemaRegistryClient) -> None:
        self._bootstrap = bootstrap
        self._registry = registry
        self._producer = Producer({"bootstrap.servers": bootstrap})
        self._deserialize = AvroDeserializer(self._registry)

    def produce(self, topic: str, record: str, value: Mapping[str, Any], key: str | None) -> str:
        """Produce without any header; where it landed, as `<topic>-<partition>-<offset>`."""
        return self.produce_bytes(topic, self.encode(topic, record, value), key)

    def encode(self, topic: str, record: str, value: Mapping[str, Any]) -> bytes:
        """A value with the schema that the registry has; nothing is registered."""
        schema = self._registry.get_latest_version(f"{topic}-{record}").schema
        options = {"auto.register.schemas": False, "subject.name.strategy": topic_record_subject_name_strategy}
        serialize = AvroSerializer(self._registry, schema, conf=options)
        data = serialize(dict(value), SerializationContext(topic, MessageField.VALUE))
        assert isinstance(data, bytes)
        return data

    def produce_bytes(self, topic: str, value: bytes, key: str | None) -> str:
        places: list[str] = []

        def delivered(error: Any, message: Message) -> None:
            assert error is None, error
            places.append(f"{message.topic()}-{message.partition()}-{message.offset()}")

        self._producer.produce(topic, value, key=key.encode() if key is not None else None, on_delivery=delivered)
        assert self._producer.flush(10) == 0
        return places[0]

    def start(self, run_id: str | None, workflow: str, **given: Any) -> str:
        request = {"workflow": workflow, "input": json.dumps(given)}
        return self.produce("run.requests", "headrace.run.StartRun", request, run_id)

    def await_record(self, topic: str, key: str, names: tuple[str, ...] = ()) -> Record:
        """The first record with this key, and with one of these names."""
        for record in self._records(topic, follow=True):
            if record and record.key == key.encode() and (not names or record.name in names):
                return record
        raise AssertionError(f"no record with key {key} on {topic} after {DEADLINE_S} s")

    def read(self, topic: str, key: str) -> list[Record]:
        """All records with this key, up to the end as it is now."""
        return [record for record in self._records(topic, follow=False) if record and record.key == key.encode()]

    def deploy(self, name: str, spec: Mapping[str, Any]) -> None:
        """Create a workflow and wait until a router knows it."""
        command = {"kind": "Workflow", "spec": json.dumps(spec), "pointer": "production", "actor": "outsider"}
        self.produce("workflow.commands", "headrace.resource.CreateVersion", command, name)
        self.await_record("workflow.events", name, ("headrace.resource.PointerMoved",))
        ends = {str(number): end for number, end in self._ends("workflow.state").items()}
        for record in self._records("control.positions", follow=True):
            applied = record.fields if record and record.value else {}
            if applied.get("topic") == "workflow.state" and all(
                applied["offsets"].get(number, 0) >= end for number, end in ends.items()
            ):
                return
        raise AssertionError(f"no router has applied {name}")

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"outsider-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )

    def _ends(self, topic: str) -> dict[int, int]:
        with closing(self._consumer()) as consumer:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            places = [TopicPartition(topic, number) for number in partitions]
            return {place.partition: consumer.get_watermark_offsets(place, timeout=10)[1] for place in places}

    def _records(self, topic: str, *, follow: bool) -> Iterator[Record | None]:
        """Committed records from the beginning; without `follow` to the end of every partition, else to a deadline."""
        until = time.monotonic() + DEADLINE_S
        with closing(self._consumer()) as consumer:
            unread = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
            consumer.assign([TopicPartition(topic, number, 0) for number in unread])
            while time.monotonic() < until and (follow or unread):
                message = consumer.poll(0.5)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    yield self._record(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error  # librdkafka's own public name for it
                    unread.discard(message.partition())

    def _record(self, message: Message) -> Record | None:
        """None for a tombstone."""
        value = message.value()
        if value is None:
            return None
        schema = json.loads(self._registry.get_schema(int.from_bytes(value[1:5], "big")).schema_str or "")
        fields = self._deserialize(value, SerializationContext(message.topic() or "", MessageField.VALUE))
        assert isinstance(fields, dict)
        return Record(f"{schema['namespace']}.{schema['name']}", fields, message.key(), value)


@pytest.fixture(scope="module")
def outsider(stack: Any) -> Iterator[Outsider]:
    with SchemaRegistryClient({"url": stack.env["SCHEMA_REGISTRY_URL"]}) as registry:
        yield Outsider(stack.env["KAFKA_BOOTSTRAP_SERVERS"], registry)


@pytest.fixture(scope="module")
def workflow(outsider: Outsider) -> str:
    name = unique("shout")
    outsider.deploy(name, SHOUT)
    return name


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def result(outsider: Outsider, run_id: str) -> Record:
    """The one result of a run. The log says how many there are: both are written in one transaction."""
    found = outsider.await_record("run.results", run_id)
    assert outsider.read("run.results", run_id) == [found]
    return found


def test_a_request_without_headers_is_answered(outsider: Outsider, workflow: str) -> None:
    run_id = unique("run")
    outsider.start(run_id, workflow, text="hello")
    answer = result(outsider, run_id)
    assert answer.name == "headrace.run.RunCompleted"
    assert json.loads(answer.fields["output"]) == {"text": "HELLO", "size": 5}
    assert answer.fields["workflow"] == f"{workflow}@1"
    assert answer.fields["started_at"] <= answer.fields["finished_at"]
    assert answer.fields["usage"] == {"input_tokens": 0, "output_tokens": 0, "cost": "0", "currency": "USD"}


def test_the_log_of_a_run_is_ordered_complete_and_proves_it(outsider: Outsider, workflow: str) -> None:
    run_id = unique("run")
    outsider.start(run_id, workflow, text="hello")
    result(outsider, run_id)
    log = outsider.read("run.events", run_id)
    assert [record.name.removeprefix("headrace.run.") for record in log] == [
        "RunStarted",
        "NodeScheduled",
        "NodeSucceeded",
        "NodeScheduled",
        "NodeSucceeded",
        "RunCompleted",
    ]
    assert [record.fields["seq"] for record in log] == list(range(6))
    digests = [bytes(32), *(hashlib.sha256(record.value).digest() for record in log)]
    assert [record.fields["prev"] for record in log] == digests[:-1]


def test_the_same_request_twice_starts_one_run(outsider: Outsider, workflow: str) -> None:
    run_id = unique("run")
    for _ in range(3):
        outsider.start(run_id, workflow, text="hello")
    first = result(outsider, run_id)
    outsider.start(run_id, workflow, text="bye")
    behind = unique("run")  # a later run of the same partition ends: the repeated request was dealt with before
    outsider.produce_bytes("run.requests", b"", run_id)
    outsider.start(behind, workflow, text="x")
    result(outsider, behind)
    assert outsider.read("run.results", run_id) == [first]
    assert [record.name for record in outsider.read("run.events", run_id)].count("headrace.run.RunStarted") == 1


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        ("no-such-workflow", "workflow_not_found", "no-such-workflow"),
        ("{workflow}@7", "workflow_version_not_found", "versions 1 to 1"),
        ("{workflow}@staging", "workflow_pointer_not_found", "production"),
    ],
)
def test_an_unknown_workflow_is_refused_in_words(
    outsider: Outsider, workflow: str, reference: str, code: str, words: str
) -> None:
    run_id = unique("run")
    outsider.start(run_id, reference.format(workflow=workflow), text="hello")
    answer = result(outsider, run_id)
    assert (answer.name, answer.fields["code"]) == ("headrace.run.RunFailed", code)
    assert words in answer.fields["message"]
    assert [record.fields["seq"] for record in outsider.read("run.events", run_id)] == [0]


@pytest.mark.parametrize("given", ['{"text": 1}', "{}", "[]", "nonsense", ""])
def test_a_bad_input_is_refused_in_words(outsider: Outsider, workflow: str, given: str) -> None:
    run_id = unique("run")
    request = {"workflow": workflow, "input": given}
    outsider.produce("run.requests", "headrace.run.StartRun", request, run_id)
    answer = result(outsider, run_id)
    assert (answer.name, answer.fields["code"]) == ("headrace.run.RunFailed", "input_invalid")
    assert answer.fields["node"] is None


@pytest.mark.parametrize("key", [None, ""])
def test_a_request_without_a_key_gets_its_place_as_its_id(outsider: Outsider, workflow: str, key: str | None) -> None:
    place = outsider.start(key, workflow, text="hello")
    assert result(outsider, place).name == "headrace.run.RunCompleted"


@pytest.mark.parametrize("key", ["a/b", "a b", "x" * 201, "naïve", "line\nbreak"])
def test_a_key_that_is_no_run_id_is_refused_under_that_key(outsider: Outsider, workflow: str, key: str) -> None:
    key = f"{key} {unique('run')}"
    outsider.start(key, workflow, text="hello")
    answer = result(outsider, key)
    assert (answer.name, answer.fields["code"]) == ("headrace.run.RunFailed", "run_id_invalid")
