"""What somebody writes now is taken to the letter: `"4096"`, `1_000`, `yes` and `-0` are no numbers and no truths.

What was stored before is read as it always was: these are checks, no part of the shapes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from headrace.fault import Fault, Path
from headrace.shape import below, from_pydantic, misfit
from headrace.wording import AMOUNT, DAY, NUMBER, TRUTH, WHOLE_NUMBER, Words

_AMOUNT = re.compile(r"(?!-0+(\.0*)?([eE]|$))-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def shape_faults(shape: type[BaseModel], value: Any) -> list[Fault]:
    """Everything in a value that does not fit a shape, each place once."""
    found = list(_inexact(shape, value, ()))
    told = {fault.path for fault in found}
    try:
        shape.model_validate(value)
    except ValidationError as error:
        found += [fault for fault in from_pydantic(error, shape) if fault.path not in told]
    return found


def _inexact(annotation: Any, value: Any, path: Path) -> Iterator[Fault]:
    """The values that only look like what their places ask for."""
    if isinstance(value, dict):
        inside = below(annotation, 0) if get_origin(annotation) is list else annotation
        parts: Any = value.items()
    elif isinstance(value, list):
        inside, parts = annotation, enumerate(value)
    else:
        words, fits = _EXACT.get(annotation, (None, None)) if isinstance(annotation, type) else (None, None)
        if words and fits and value is not None and not fits(value):
            yield misfit(path, words, value)
        return
    for step, part in parts:
        yield from _inexact(below(inside, step), part, (*path, step))


def _is_whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    return (_is_number(value) or isinstance(value, str)) and bool(_AMOUNT.fullmatch(str(value)))


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and bool(_DAY.fullmatch(value))


_EXACT: Mapping[type, tuple[Words, Callable[[Any], bool]]] = {
    int: (WHOLE_NUMBER, _is_whole),
    float: (NUMBER, _is_number),
    bool: (TRUTH, lambda value: isinstance(value, bool)),
    Decimal: (AMOUNT, _is_amount),
    date: (DAY, _is_day),
}
