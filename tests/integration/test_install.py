"""`python -m headrace.install`, as docker-compose.yml runs it, on a real broker, registry and S3."""

import os
import subprocess
import sys

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from headrace.topics import ALL, PARTITIONS
from tests.conftest import Stack


def install(**env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "headrace.install"]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)


async def test_an_installation_has_every_topic_as_the_table_says(stack: Stack) -> None:
    # given an installation that is made ready once more
    done = install(**stack.env)
    assert (done.returncode, done.stderr) == (0, "")
    # when the broker is asked what it holds
    admin = AIOKafkaAdminClient(**stack.kafka.connection())
    await admin.start()
    found = {entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics()}
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in ALL]
    (answer,) = await admin.describe_configs(wanted)
    await admin.close()
    # then it is the table, with its numbers and settings
    assert {topic.name: found.get(topic.name) for topic in ALL} == {topic.name: PARTITIONS for topic in ALL}
    configs = {name: dict(entry[:2] for entry in entries) for _, _, _, name, entries in answer.resources}
    for topic in ALL:
        assert {name: configs[topic.name][name] for name in topic.config} == topic.config, topic.name


def test_what_does_not_answer_is_named() -> None:
    done = install(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("headrace: Kafka at 127.0.0.1:1 ")
