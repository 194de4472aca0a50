"""What is set in aiokafka beside its settings, and the choice of a home partition."""

import aiokafka.producer.sender
from aiokafka.partitioner import murmur2

from headrace.kafka import TRANSACTION_BACKOFF_S, partition_of


def test_the_wait_between_transactions_still_has_its_name_in_aiokafka() -> None:
    assert hasattr(aiokafka.producer.sender, "BACKOFF_OVERRIDE")
    assert aiokafka.producer.sender.BACKOFF_OVERRIDE == TRANSACTION_BACKOFF_S


def test_a_home_partition_is_the_choice_of_java_s_default_partitioner() -> None:
    """Hashes as org.apache.kafka.common.utils.Utils.murmur2 gives them (Kafka's UtilsTest)."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, signed in known.items():
        assert murmur2(key) == signed & 0xFFFFFFFF
        assert partition_of(key, 7) == (signed & 0x7FFFFFFF) % 7
