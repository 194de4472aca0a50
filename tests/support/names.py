"""Names that no other test has, in this run or in one before on the same stack."""

import uuid


def suffix() -> str:
    """What makes a name unique: 12 hexadecimal digits."""
    return uuid.uuid4().hex[:12]


def unique(prefix: str) -> str:
    """A name that begins so."""
    return f"{prefix}-{suffix()}"
