"""Record batches as callers send them: what would stop aiokafka for good, or fill the memory, does not stop us.

A compressed batch is unpacked within bounds. What does not fit into them, or can't be read, is read as a single record,
at the place of the batch's last one, whose value is a PackedBatch with the batch as it came: poison, which is set aside
like any other.

A header's name may be bytes that are no UTF-8. Java's client reads such a name with replacement characters
(`Utils.utf8`), and a broker takes it from anybody. aiokafka raises UnicodeDecodeError for the record and all that share
its batch, again and again: one record of one caller would end every consumer of its partition. Its C code has no
switch, so batches pass through `LenientRecords`, which reads the rare batch that fails again with aiokafka's parser in
Python, after the bytes that are no text were replaced.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint

from headrace.codec import PackedBatch
from headrace.unpacking import plain

REPLACEMENT = b"?"


def install() -> None:
    """Let all consumers of this process read leniently. Safe to repeat."""
    aiokafka.consumer.fetcher.MemoryRecords = LenientRecords


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    """The batches of one answer of the broker."""

    def next_batch(self) -> Any:
        """The next one; control batches hold no headers and pass as they are."""
        raw = self._next_slice
        batch = super().next_batch()
        return batch if batch is None or batch.is_control_batch else _LenientBatch(batch, raw)


class _LenientBatch:
    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._records()
        except Exception as error:  # whatever a batch that lies about itself leads to; a broker does not look at it all
            yield self._packed(f"a batch whose records can't be read: {error}")

    def _records(self) -> Iterator[Any]:
        packed = self._batch.compression_type
        raw = plain(bytes(self._raw)) if packed else self._raw
        done = 0
        try:
            for record in DefaultRecordBatch(raw) if packed else self._batch:
                yield record
                done += 1
        except UnicodeDecodeError:
            yield from islice(_RepairedBatch(raw), done, None)

    def _packed(self, reason: str) -> Any:
        batch = self._batch
        value = PackedBatch(bytes(self._raw), reason)
        return _DefaultRecordPy(batch.next_offset - 1, batch.max_timestamp, batch.timestamp_type, None, value, [])


class _RepairedBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    def __iter__(self) -> Iterator[Any]:
        self._maybe_uncompress()
        position = self._pos
        for _ in range(self._num_records):
            length, position = decode_varint(self._buffer, position)
            self._repair_names(position)
            position += length
        return self

    def _repair_names(self, position: int) -> None:
        """Make the header names of the record at a position text, without changing their length."""
        position += 1  # attributes
        for _ in ("timestamp", "offset"):
            _, position = decode_varint(self._buffer, position)
        for _ in ("key", "value"):
            position = self._behind(position)
        headers, position = decode_varint(self._buffer, position)
        for _ in range(headers):
            length, position = decode_varint(self._buffer, position)
            name = slice(position, position + length)
            self._buffer[name] = _text_of_equal_length(bytes(self._buffer[name]))
            position = self._behind(position + length)

    def _behind(self, position: int) -> int:
        """The place behind nullable bytes, whose length is -1 for null."""
        length, begin = decode_varint(self._buffer, position)
        behind: int = begin + max(length, 0)
        return behind


def _text_of_equal_length(name: bytes) -> bytes:
    """The name if it is UTF-8, else with everything replaced that is not ASCII."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return b"".join(bytes([byte]) if byte < 0x80 else REPLACEMENT for byte in name)
    return name
