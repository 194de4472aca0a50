"""A spec as its author may have meant it, so that one misspelt key does not hide, or cause, other faults. Pure."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from headrace.fault import Fault, Path, nearest
from headrace.shape import keys

Renamed = Mapping[Path, str]
"""Paths as they became, and the last step as it was written."""


def mended(spec: Mapping[str, Any], unknown: Iterable[Fault], shape: type[BaseModel]) -> tuple[dict[str, Any], Renamed]:
    """A copy in which unknown keys have the name that is most like theirs, or are gone when none is."""
    copied = deepcopy(dict(spec))
    renamed: dict[Path, str] = {}
    for fault in sorted(unknown, key=lambda fault: -len(fault.path)):
        *above, key = fault.path
        here: Any = copied
        for step in above:
            here = here[step]
        part = here.pop(key)
        likely = nearest(str(key), keys(shape, tuple(above)))
        if likely and likely not in here:
            here[likely] = part
            renamed[*above, likely] = str(key)
    return copied, renamed


def as_written(fault: Fault, renamed: Renamed) -> Fault:
    """A fault in a mended value with the path that its author knows."""
    path = tuple(renamed.get(fault.path[: index + 1], step) for index, step in enumerate(fault.path))
    return Fault(fault.code, path, fault.message, fault.hint)
