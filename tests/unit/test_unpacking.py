"""Compressed batches: unpacked as aiokafka does it, or refused before they fill the memory."""

import gzip
import struct

import pytest
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from headrace.codec import PackedBatch
from headrace.raw_records import LenientRecords
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


def test_gzip_s_members_are_one_text() -> None:
    packed = batch("gzip", b"a", b"b")
    records = plain(packed)[RECORDS:]
    members = gzip.compress(records[:5]) + gzip.compress(records[5:])
    assert plain(packed[:RECORDS] + members) == plain(packed)


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


PACK = {
    "gzip": codec.gzip_encode,
    "snappy": codec.snappy_encode,
    "lz4": codec.lz4_encode,
    "zstd": codec.zstd_encode,
    "none": bytes,
}


@pytest.mark.parametrize("compression", CODECS)
@given(records=st.binary(max_size=300), damage=st.binary(max_size=20), number=st.integers(0, 5))
def test_whatever_stands_in_a_batch_it_ends_no_consumer(
    compression: str, records: bytes, damage: bytes, number: int
) -> None:
    header = bytearray(batch(compression, b"a")[:RECORDS])
    header[57:RECORDS] = struct.pack(">i", number)
    for body in (PACK[compression](records), PACK[compression](records) + damage, damage):
        whole = bytes(header) + body
        whole = whole[:8] + struct.pack(">i", len(whole) - 12) + whole[12:]
        read = [record.value for record in LenientRecords(whole).next_batch()]
        if read and isinstance(read[-1], PackedBatch):
            assert read[-1] == whole
            assert read[-1].reason


def test_a_record_that_lies_about_its_length_is_set_aside_behind_those_before_it() -> None:
    whole = bytearray(plain(batch("none", b"first", b"second")))
    place = whole.index(b"second") - 6  # length, attributes, time, offset, key, length of the value
    assert whole[place] == 2 * 12
    whole[place] = 2 * 11
    first, rest = LenientRecords(bytes(whole)).next_batch()
    assert (first.value, first.offset) == (b"first", 0)
    assert (type(rest.value), rest.offset) == (PackedBatch, 1)
