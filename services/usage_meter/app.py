"""Faust, set up for its one job (docs/adr/0003-faust-has-one-job.md)."""

import faust
from faust.auth import Credentials

from headrace.kafka import KafkaSettings
from headrace.topics import Topic
from usage_meter.turns import OneAtATime

NAME = "usage_meter"
COMMIT_S = 1.0
"""Between commits."""


class InMemory(faust.App):
    """An app whose tables are in memory: Faust makes folders for them all the same, where the process stands."""

    async def on_first_start(self) -> None:
        """Make none."""


def faust_app(kafka: KafkaSettings, member: str | None) -> faust.App:
    """An app that reads committed records only, creates no topics, and dies of an error that nobody caught.

    member: the stable name of this process in its group, if it has one.
    """
    app = InMemory(
        NAME,
        broker=";".join(f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")),
        broker_credentials=_credentials(kafka),
        broker_commit_interval=COMMIT_S,
        broker_session_timeout=kafka.session_timeout_ms / 1000,
        broker_heartbeat_interval=kafka.session_timeout_ms / 4000,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member or "",
        processing_guarantee="exactly_once",
        recovery_consistency_check=False,  # for tables on disk; with ours an unknown end would fail it
        store="memory://",
        PartitionAssignor=OneAtATime,
        agent_supervisor="mode.supervisors.CrashingSupervisor",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication_factor,
        autodiscover=False,
        web_enabled=False,
    )
    app.in_worker = True  # or Faust takes the guarantee for at least once, and reads what was never committed
    return app


def raw(app: faust.App, topic: Topic) -> faust.TopicT:
    """One of our topics as Faust reads it: bytes, which our codec decodes."""
    return app.topic(topic.name, key_serializer="raw", value_serializer="raw")


def _credentials(kafka: KafkaSettings) -> Credentials | None:
    context = kafka.connection()["ssl_context"]
    if kafka.sasl_username is not None:
        password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
        return faust.SASLCredentials(
            username=kafka.sasl_username, password=password, mechanism=kafka.sasl_mechanism, ssl_context=context
        )
    return faust.SSLCredentials(context=context) if context else None
