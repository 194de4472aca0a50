"""What an object holds, and what is said of one that can't be used."""

import hashlib
from typing import NamedTuple


class Content(NamedTuple):
    """The SHA-256 (hexadecimal) and number of an object's bytes."""

    sha256: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> "Content":
        """These bytes."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


class Codes(NamedTuple):
    """Error codes of one kind of objects: gone, changed by somebody, and refused, as access or the key may be."""

    missing: str
    tampered: str
    refused: str
