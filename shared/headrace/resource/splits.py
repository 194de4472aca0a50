"""Where a pointer stands, and which version of a split a key gets: the same key the same, many by weight. Pure."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from headrace.events.resource import Share

_BYTES = 8
"""Of a digest: enough that shares of any weights come out even."""


class Standing(NamedTuple):
    """Where a pointer stands: on a version, which may share its traffic with others."""

    version: int
    split: tuple[Share, ...] = ()

    def __str__(self) -> str:
        """`3`, or `90:v3 10:v4`, as the command line takes it."""
        return " ".join(f"{share.weight}:v{share.version}" for share in self.split) or str(self.version)


def chosen(split: Sequence[Share], *key: str) -> int:
    """The version that a key gets; its parts together are the key.

    A key is a point between 0 and 1, and shares lie there side by side, the last one first: while the last share
    grows, nobody who has its version loses it.
    """
    digest = hashlib.sha256("/".join(key).encode()).digest()
    point = int.from_bytes(digest[:_BYTES], "big") * sum(share.weight for share in split) >> 8 * _BYTES
    for share in reversed(split):
        if point < share.weight:
            return share.version
        point -= share.weight
    raise AssertionError("a point lies below the sum of the weights")
