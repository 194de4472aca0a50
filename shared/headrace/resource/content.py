"""The content of a version: what may be kept, and by which digest it is known. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from headrace.fault import Fault

LARGEST_SPEC = 262_144
"""Bytes of the largest spec."""
DEEPEST = 64
"""Levels of lists and objects in a spec."""

Check = Callable[[str, Mapping[str, Any]], Sequence[Fault]]
"""What is wrong with a spec of a kind."""


def canonical(spec: Any) -> str:
    """JSON text that is equal for equal content: sorted keys, no white space, as RFC 8785 orders it for our values."""
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(text: str) -> str:
    """SHA-256 of a canonical spec, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def depth_of(value: Any) -> int:
    """How deep lists and objects are nested in a value; 0 for a plain one."""
    depth, level = 0, [value]
    while level := [item for outer in level for item in _items(outer)]:
        depth += 1
    return depth


def checked(kind: str, text: str, check: Check) -> str:
    """The canonical text of a spec. Raises ValueError, which says what is wrong with it."""
    size = len(text.encode())
    if size > LARGEST_SPEC:
        raise ValueError(f"a spec has at most {LARGEST_SPEC} bytes, this one has {size}")
    spec, kept = _parsed(text)
    if "\\u0000" in kept.replace("\\\\", ""):  # Postgres takes none
        raise ValueError("the spec is not JSON that we can keep: U+0000 can't be part of a text")
    if not isinstance(spec, dict):
        raise ValueError("the spec must be a JSON object")  # noqa: TRY004  # bad data, not a programmer's mistake
    if depth_of(spec) > DEEPEST:
        raise ValueError(f"the spec is nested more than {DEEPEST} deep")
    if faults := check(kind, spec):
        raise ValueError("; ".join(str(fault) for fault in faults))
    return kept


def _parsed(text: str) -> tuple[Any, str]:
    """A spec, and its canonical text."""
    try:
        spec = json.loads(text, parse_constant=_no_constant)
        kept = canonical(spec)
        kept.encode()
    except (ValueError, RecursionError) as error:  # lone surrogates and numbers without bound are JSON, but no value
        raise ValueError(f"the spec is not JSON that we can keep: {error}") from error
    return spec, kept


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
