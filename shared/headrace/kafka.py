"""Facts about the connection to Kafka that all loops share: settings, topics, partitions, dead letters."""

import asyncio
from collections.abc import Iterable
from typing import Any

import aiokafka.producer.sender
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context
from aiokafka.partitioner import murmur2
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from headrace import raw_records
from headrace.errors import KafkaUnavailable
from headrace.outbox import Record
from headrace.topics import PARTITIONS, Topic, dead_letters

_log = structlog.get_logger(__name__)

ORIGIN_HEADER = "headrace-origin"
"""Header of a record that was forwarded to its home partition: `<topic>-<partition>-<offset>` of its first place."""


LARGEST_REQUEST = 9 * 1024 * 1024
"""Most bytes of one produce request; the local broker takes records of 8 MiB, so that a poison one can be buried."""

BATCH_BYTES = 1 << 20
"""Bytes that a producer packs into one batch, unless a single record is larger."""

LONGEST_MESSAGE = 1_000
"""Characters of an error's message in a dead letter."""

TRANSACTION_BACKOFF_S = 0.002
"""Wait after CONCURRENT_TRANSACTIONS, seconds. aiokafka's own is 20 ms, the largest cost under load (ADR 0002)."""


class KafkaSettings(BaseSettings):
    """Where Kafka is and how to log in, from KAFKA_* and HEADRACE_* variables."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    bootstrap_servers: str = Field(default="127.0.0.1:19092", validation_alias="KAFKA_BOOTSTRAP_SERVERS")
    security_protocol: str = Field(default="PLAINTEXT", validation_alias="KAFKA_SECURITY_PROTOCOL")
    sasl_mechanism: str = Field(default="PLAIN", validation_alias="KAFKA_SASL_MECHANISM")
    sasl_username: str | None = Field(default=None, validation_alias="KAFKA_SASL_USERNAME")
    sasl_password: SecretStr | None = Field(default=None, validation_alias="KAFKA_SASL_PASSWORD")
    ssl_ca_file: str | None = Field(default=None, validation_alias="KAFKA_SSL_CA_FILE")
    partitions: int = Field(default=PARTITIONS, ge=1, validation_alias="HEADRACE_PARTITIONS")
    replication_factor: int = Field(default=1, ge=1, validation_alias="HEADRACE_REPLICATION_FACTOR")
    """Copies of each partition of the topics that we create: 1 on one machine, 3 where it matters."""
    session_timeout_ms: int = Field(default=10_000, ge=1_000, validation_alias="HEADRACE_SESSION_TIMEOUT_MS")
    """Silence after which the group takes a member for dead. Brokers take 6 s to 30 min, unless told otherwise."""

    def connection(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        encrypted = self.security_protocol in {"SSL", "SASL_SSL"}
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
            "ssl_context": create_ssl_context(cafile=self.ssl_ca_file) if encrypted else None,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password.get_secret_value() if self.sasl_password else None,
        }


def _tune() -> None:
    """Set what aiokafka has no setting for: its wait between transactions, and lenient reading."""
    aiokafka.producer.sender.BACKOFF_OVERRIDE = TRANSACTION_BACKOFF_S
    raw_records.install()


_tune()  # whoever connects imports this module


def check_alive(consumer: AIOKafkaConsumer) -> None:
    """Raise KafkaUnavailable if aiokafka has given up this consumer, whose polls would be empty for ever.

    Its tasks for metadata and fetches end in silence at an error that they don't expect.
    """
    for task in (consumer._client._sync_task, consumer._fetcher.error_future):  # noqa: SLF001  # nothing public says it
        if task.done():
            cause = None if task.cancelled() else task.exception()
            raise KafkaUnavailable(f"aiokafka has given up a consumer: {cause!r}") from cause


async def close_producer(producer: AIOKafkaProducer, seconds: float) -> None:
    """Send what is under way, and disconnect. After so many seconds, such as when the broker is away, only the latter:
    aiokafka would try for ever.
    """
    try:
        await asyncio.wait_for(producer.stop(), seconds)
    except TimeoutError:
        await producer._sender.close()  # noqa: SLF001  # or it would connect again
        await producer.client.close()


def place_of(record: ConsumerRecord) -> str:
    """`<topic>-<partition>-<offset>`."""
    return f"{record.topic}-{record.partition}-{record.offset}"


def partition_of(key: bytes, partitions: int) -> int:
    """The home partition of a key: the choice of Java's default partitioner (murmur2)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


async def create_topics(settings: KafkaSettings, topics: Iterable[Topic]) -> None:
    """Create the topics that do not exist yet; safe to repeat, and by two at once. Raises KafkaUnavailable."""
    admin = AIOKafkaAdminClient(**settings.connection())
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [_new_topic(topic, settings) for topic in topics if topic.name not in existing]
        answer = await admin.create_topics(missing) if missing else None
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka at {settings.bootstrap_servers} creates no topics: {error}") from error
    finally:
        await admin.close()
    for name, code, message in answer.topic_errors if answer else ():
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise KafkaUnavailable(f"topic {name} can't be created: {for_code(code).__name__}: {message}")


def _new_topic(topic: Topic, settings: KafkaSettings) -> NewTopic:
    return NewTopic(topic.name, settings.partitions, settings.replication_factor, topic_configs=topic.config)


def dead_letter(
    record: ConsumerRecord, topic: Topic, *, connector: str, stage: str, error: BaseException
) -> tuple[str, int, Record]:
    """Where a record that nobody can use goes, and as what; said in the log.

    Key and value stay as they are, and so do the headers, behind which stand Kafka Connect's names for what went wrong
    (KIP-298). connector: the service that gave the record up.
    """
    context = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "connector.name": connector,
        "stage": stage,
        "exception.class.name": type(error).__qualname__,
        "exception.message": str(error)[:LONGEST_MESSAGE],
    }
    _log.warning("dead letter", **{name: context[name] for name in ("topic", "partition", "offset")}, error=str(error))
    added = ((f"__connect.errors.{name}", value.encode(errors="backslashreplace")) for name, value in context.items())
    return dead_letters(topic).name, record.partition, (record.key, record.value, [*record.headers, *added])
