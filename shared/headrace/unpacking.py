"""A compressed batch of records, unpacked within bounds: 12 KB of it can stand for 12 MB.

A broker's limits are for what is compressed; what is read, and set aside when it is poison, is not.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache

import cramjam

from headrace.topics import LARGEST_MESSAGE

CODEC = slice(21, 23)
"""Where the attributes stand in a batch (KIP-98); their lowest three bits name the compression."""
RECORDS = 61
"""Where the records begin, compressed or not."""
MOST_BLOCKS = LARGEST_MESSAGE // 1_024
"""Java's library fills a block of at least 1 KiB before it begins the next."""
_CODEC_BITS = 0b111
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16


class Oversized(ValueError):
    """The records of a batch have more bytes than a message may have, or can't be unpacked at all."""


def plain(batch: bytes) -> bytes:
    """The batch without compression; its checksum stays that of the compressed one. Raises Oversized."""
    (attributes,) = struct.unpack(">h", batch[CODEC])
    codec = attributes & _CODEC_BITS
    if not codec:
        return batch
    try:
        records = _UNPACK[codec](batch[RECORDS:])
    except (cramjam.DecompressionError, zlib.error, struct.error, KeyError) as error:
        message = f"a compressed batch that can't be unpacked into {LARGEST_MESSAGE} bytes: {str(error) or codec}"
        raise Oversized(message) from error
    return batch[: CODEC.start] + struct.pack(">h", attributes & ~_CODEC_BITS) + batch[CODEC.stop : RECORDS] + records


def _gzip(packed: bytes) -> bytes:
    """One member or several, as Java reads them."""
    records = bytearray()
    while packed:
        member = zlib.decompressobj(wbits=31)
        records += member.decompress(packed, LARGEST_MESSAGE - len(records) + 1)
        if not member.eof or len(records) > LARGEST_MESSAGE:
            raise zlib.error("more follows")
        packed = member.unused_data
    return bytes(records)


def _snappy(packed: bytes) -> bytes:
    """One block, or blocks behind their lengths, as Java's library frames them."""
    if not packed.startswith(_XERIAL):
        return _into(cramjam.snappy.decompress_raw_into, packed)
    records, position, blocks = bytearray(), _XERIAL_HEADER, 0
    while position < len(packed):
        blocks += 1
        (length,) = struct.unpack_from(">i", packed, position)
        records += _into(cramjam.snappy.decompress_raw_into, packed[position + 4 : position + 4 + max(length, 0)])
        position += 4 + max(length, 0)
        if len(records) > LARGEST_MESSAGE or blocks > MOST_BLOCKS:
            raise zlib.error("more follows")
    return bytes(records)


def _into(unpack: Callable[[bytes, bytearray], int], packed: bytes) -> bytes:
    room = _room()
    return bytes(memoryview(room)[: unpack(packed, room)])


@lru_cache(maxsize=1)
def _room() -> bytearray:
    """Where everything is unpacked, made when the first batch needs it."""
    return bytearray(LARGEST_MESSAGE)


_UNPACK: Mapping[int, Callable[[bytes], bytes]] = {
    1: _gzip,
    2: _snappy,
    3: lambda packed: _into(cramjam.lz4.decompress_into, packed),
    4: lambda packed: _into(cramjam.zstd.decompress_into, packed),
}
