"""A program outside of Headrace, as any language could have it: the stock Confluent client, and no code of ours."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

DEADLINE_S = 60.0
"""Longest wait for what must come."""


class Record(NamedTuple):
    """A record as an outside program sees it."""

    name: str
    fields: dict[str, Any]
    key: bytes | None
    value: bytes
    headers: Mapping[str, str]


class Outsider:
    """What a program in any language would do."""

    def __init__(self, bootstrap: str, registry: SchemaRegistryClient) -> None:
        self._bootstrap = bootstrap
        self._registry = registry
        self._producer = Producer({"bootstrap.servers": bootstrap})
        self._deserialize = AvroDeserializer(self._registry)

    def produce(self, topic: str, record: str, value: Mapping[str, Any], key: str | None, **headers: str) -> str:
        """Produce, without any header unless some are given; where it landed, as `<topic>-<partition>-<offset>`."""
        return self.produce_bytes(topic, self.encode(topic, record, value), key, **headers)

    def encode(self, topic: str, record: str, value: Mapping[str, Any]) -> bytes:
        """A value with the schema that the registry has; nothing is registered."""
        schema = self._registry.get_latest_version(f"{topic}-{record}").schema
        options = {"auto.register.schemas": False, "subject.name.strategy": topic_record_subject_name_strategy}
        serialize = AvroSerializer(self._registry, schema, conf=options)
        data = serialize(dict(value), SerializationContext(topic, MessageField.VALUE))
        assert isinstance(data, bytes)
        return data

    def produce_bytes(self, topic: str, value: bytes, key: str | None, **headers: str) -> str:
        places: list[str] = []

        def delivered(error: Any, message: Message) -> None:
            assert error is None, error
            places.append(f"{message.topic()}-{message.partition()}-{message.offset()}")

        keyed = key.encode() if key is not None else None
        self._producer.produce(topic, value, key=keyed, headers=[*headers.items()], on_delivery=delivered)
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

    def await_answer(self, topic: str, **headers: str) -> Record:
        """The first record with these headers."""
        for record in self._records(topic, follow=True):
            if record and headers.items() <= record.headers.items():
                return record
        raise AssertionError(f"no record with {headers} on {topic} after {DEADLINE_S} s")

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
        headers = {
            name: value.decode() for name, value in dict(message.headers() or ()).items() if isinstance(value, bytes)
        }
        return Record(f"{schema['namespace']}.{schema['name']}", fields, message.key(), value, headers)
