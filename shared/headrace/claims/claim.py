"""Claims in JSON values. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

MARK = "$claim"
"""The only key of an object that is a claim."""
SHA256 = re.compile(r"[0-9a-f]{64}")

Place = tuple[str | int, ...]
"""Names and indexes that lead to a part of a value."""


class Claim(NamedTuple):
    """Says which value is meant: the SHA-256 (hexadecimal) and number of bytes of its JSON text."""

    sha256: str
    size: int

    @property
    def key(self) -> str:
        """Under which key the value stands in the object store."""
        return f"claims/{self.sha256}.json"

    @property
    def value(self) -> dict[str, Any]:
        """What travels."""
        return {MARK: {"sha256": self.sha256, "bytes": self.size}}


def claims_in(value: Any) -> Set[Claim]:
    """The claims in a value: itself, or anywhere inside of lists and objects. Raises RecursionError."""
    return {claim for _, claim in _found(value, ())}


def places_of_claims(value: Any) -> Sequence[Place]:
    """Where claims stand in a value. Raises RecursionError."""
    return [place for place, _ in _found(value, ())]


def with_values(value: Any, values: Mapping[Claim, Any]) -> Any:
    """The value with what its claims stand for in their place."""
    if (claim := _claim(value)) is not None:
        return values[claim]
    match value:
        case dict():
            return {name: with_values(one, values) for name, one in value.items()}
        case list():
            return [with_values(one, values) for one in value]
    return value


def largest(sizes: Mapping[str, int], most: int) -> Iterator[str]:
    """Names of values that must go, the largest first, so that the rest has at most so many bytes."""
    left = sum(sizes.values())
    for name, size in sorted(sizes.items(), key=lambda one: one[1], reverse=True):
        if left <= most:
            return
        left -= size
        yield name


def _found(value: Any, place: Place) -> Iterator[tuple[Place, Claim]]:
    if (claim := _claim(value)) is not None:
        yield place, claim
        return
    match value:
        case dict():
            for name, one in value.items():
                yield from _found(one, (*place, name))
        case list():
            for index, one in enumerate(value):
                yield from _found(one, (*place, index))


def _claim(value: Any) -> Claim | None:
    """The claim that a value is; what only looks like one is a value like any other."""
    match value:
        case {"$claim": {"sha256": str(sha256), "bytes": int(size), **more}, **others}:
            is_one = not more and not others and SHA256.fullmatch(sha256) and size > 0
            return Claim(sha256, size) if is_one else None
    return None
