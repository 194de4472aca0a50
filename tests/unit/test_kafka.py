"""What is set in aiokafka beside its settings, and the choice of a home partition."""

from aiokafka.consumer import fetcher
from aiokafka.partitioner import murmur2
from aiokafka.producer import sender

from headrace.kafka import TRANSACTION_BACKOFF_S, partition_of
from headrace.raw_records import LenientRecords


def test_what_is_set_in_aiokafka_is_what_its_code_reads() -> None:
    wait, parser = sender.AddPartitionsToTxnHandler.handle_response, fetcher.Fetcher._proc_fetch_request
    assert "BACKOFF_OVERRIDE" in wait.__code__.co_names
    assert sender.BACKOFF_OVERRIDE == TRANSACTION_BACKOFF_S
    assert "MemoryRecords" in parser.__code__.co_names
    assert fetcher.MemoryRecords is LenientRecords


def test_a_home_partition_is_the_choice_of_java_s_default_partitioner() -> None:
    """Hashes as org.apache.kafka.common.utils.Utils.murmur2 gives them (Kafka's UtilsTest)."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, signed in known.items():
        assert murmur2(key) == signed & 0xFFFFFFFF
        assert partition_of(key, 7) == (signed & 0x7FFFFFFF) % 7
