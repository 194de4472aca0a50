"""Compressed batches: unpacked as aiokafka does it, or refused before they fill the memory."""

import struct

import pytest
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from headrace.topics import LARGEST_MESSAGE
from headrace.unpacking import CODEC, RECORDS, Oversized, plain

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch(compression: str, *values: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[compression],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**30,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp=0, key=None, value=value, headers=[])
    return bytes(builder.build())


@pytest.mark.parametrize("compression", CODECS)
@given(values=st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_a_batch_reads_like_aiokafka_reads_it(compression: str, values: list[bytes]) -> None:
    packed = batch(compression, *values)
    assert [record.value for record in DefaultRecordBatch(plain(packed))] == values
    assert [record.value for record in DefaultRecordBatch(packed)] == values


def test_one_block_of_snappy_without_java_s_frame() -> None:
    framed = batch("snappy", b"a" * 1_000)
    records = codec.snappy_decode(framed[RECORDS:])
    raw = framed[:RECORDS] + codec.snappy_encode(records, xerial_compatible=False)
    assert plain(raw) == plain(framed)


@pytest.mark.parametrize("compression", [name for name in CODECS if name != "none"])
def test_what_stands_for_too_much_is_refused(compression: str) -> None:
    with pytest.raises(Oversized, match="can't be unpacked into"):
        plain(batch(compression, bytes(3 * LARGEST_MESSAGE)))


def test_a_second_member_which_java_would_read_is_not_passed_over() -> None:
    packed = batch("gzip", b"a")
    with pytest.raises(Oversized):
        plain(packed + packed[RECORDS:])


def test_blocks_of_a_byte_are_no_way_to_stop_a_consumer() -> None:
    block = codec.snappy_encode(b"a", xerial_compatible=False)
    framed = batch("snappy", b"a")
    header = framed[: RECORDS + 16]
    with pytest.raises(Oversized):
        plain(header + (struct.pack(">i", len(block)) + block) * 100_000)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7])
def test_what_is_no_compressed_text_or_of_no_known_kind_is_refused(number: int) -> None:
    one = batch("none", b"a")
    with pytest.raises(Oversized):
        plain(one[: CODEC.start] + bytes([0, number]) + one[CODEC.stop : RECORDS] + b"nonsense")
