"""What does not fit a model's shape, as faults in our words: the library's own never reach a user."""

import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from headrace.fault import Fault, Path, did_you_mean
from headrace.wording import (
    ELSE,
    ELSEWHERE,
    EXAMPLES,
    FINDINGS,
    NUMBER,
    PATTERNS,
    REASONS,
    TEXT,
    TRUTH,
    WHOLE_NUMBER,
    Words,
    shown,
)

CEL = "a CEL expression"
"""Marks the type of a text that is one: in it, a text has quotes of its own."""
CONFIDENTIAL = {"credential", "endpoint", "body"}
"""Keys below which a value is never repeated: someone may have written a secret there, and faults reach the log."""
_TAG = re.compile(r"\[[a-z]+\]")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME = re.compile(rf"([0-9]{{1,9}}) ?({'|'.join(_UNITS)})")
_PLAIN_KEY = re.compile(r"[a-z_]{1,20}")


def from_pydantic(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Pydantic's findings about a model's input as faults."""
    return [_fault({**detail, "loc": _untagged(detail["loc"])}, model) for detail in error.errors(include_url=False)]


def _untagged(path: Path) -> Path:
    """A path without the steps that name one of several shapes, such as [text]."""
    return tuple(step for step in path if step == "[key]" or not _TAG.fullmatch(str(step)))


def misfit(path: Path, words: Words, value: Any, hint: str = "") -> Fault:
    """A value that is not what these words ask for; it is not repeated where a secret may stand."""
    given = f", not {shown(value)}" if words.shows and not CONFIDENTIAL & set(path) else ""
    return Fault(
        "invalid_value",
        path,
        f"{words.must}{given}",
        hint or words.hint or _in_ms(path, value) or _quotes(words, value),
    )


def _in_ms(path: Path, value: Any) -> str:
    """A hint for a time with its unit, where milliseconds are meant."""
    found = _TIME.fullmatch(value) if isinstance(value, str) and str(path[-1:][0]).endswith("ms") else None
    return f"write milliseconds: {int(found[1]) * _UNITS[found[2]]}" if found else ""


def keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that a model allows at a path of its input."""
    here: Any = model
    for step in path:
        here = below(here, step)
    if not is_model(here):  # one, where a list may stand
        here = below(here, 0)
    fields = here.model_fields if is_model(here) else {}
    return [field.alias or name for name, field in fields.items()]


def below(annotation: Any, step: str | int) -> Any:
    """The type of a part of a value of this type; None when that can't be told."""
    if is_model(annotation):
        fields = annotation.model_fields.items()
        found = next((field.annotation for name, field in fields if step == (field.alias or name)), None)
    else:
        found = get_args(annotation)[-1] if get_args(annotation) else None
    if get_origin(found) is Annotated:
        found = get_args(found)[0]
    options = [option for option in get_args(found) if option is not type(None)]
    if get_origin(found) in {Union, UnionType}:
        found = options[0]
    return get_args(found)[0] if get_origin(found) is Annotated else found


def is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a type is a model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fault(detail: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    path: Path = detail["loc"]
    if path[-1:] == ("[key]",):
        words, hint = _words(detail, model)
        return Fault("invalid_key", path[:-1], f"{path[-2]!r:.80} is no name here: it {words.must}", hint or words.hint)
    if shaped := _STRUCTURAL.get(detail["type"]):
        return shaped(path, detail, model)
    words, hint = _words(detail, model)
    return misfit(path, words, detail["input"], hint or _as_cel(words, model, path, detail["input"]))


def _unknown(path: Path, detail: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    hint = _elsewhere(path[-1], known := keys(model, path[:-1])) or did_you_mean(str(path[-1]), known)
    if CONFIDENTIAL & set(path[:-1]) and not _PLAIN_KEY.fullmatch(str(path[-1])):
        return Fault("invalid_key", path[:-1], "a key that is not known here", hint)
    return Fault("unknown_key", path, f"unknown key {path[-1]!s:.80}", hint)


def _missing(path: Path, detail: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    return Fault("missing_key", path, f"{path[-1]} is required")


def _said(path: Path, detail: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    return Fault("invalid_value", path, str(detail["ctx"]["error"]))


_STRUCTURAL = {"extra_forbidden": _unknown, "missing": _missing, "value_error": _said}


def _words(detail: Mapping[str, Any], model: type[BaseModel]) -> tuple[Words, str]:
    """What is said of a finding, and a hint that looks at the value."""
    context, value = detail.get("ctx", {}), detail["input"]
    if detail["type"] == "literal_error":
        return _choice(model, detail["loc"], value)
    if detail["type"] == "string_pattern_mismatch":
        return _pattern(context["pattern"], value, detail["loc"])
    words = FINDINGS.get(detail["type"], ELSE)
    hint = EXAMPLES.get(context.get("class_name", ""), "")
    return words._replace(must=words.must.format(**{key: _plain(limit) for key, limit in context.items()})), hint


def _elsewhere(word: str | int, known: Sequence[str]) -> str:
    """A hint for a word of others, where what is meant by it is known."""
    hint = ELSEWHERE.get(str(word).lower(), "")
    return hint if any(one in hint or one.endswith("_1k") for one in known) else ""


def _plain(limit: Any) -> Any:
    """A limit without a fraction of nothing."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _choice(model: type[BaseModel], path: Path, value: Any) -> tuple[Words, str]:
    here: Any = model
    for step in path:
        here = below(here, step)
    allowed = [str(one) for one in get_args(here)]
    hint = _elsewhere(value, allowed) or did_you_mean(value.lower(), allowed) if isinstance(value, str) else ""
    return Words(f"must be {listed(allowed)}"), "" if hint.startswith("known") else hint


def listed(words: Sequence[str]) -> str:
    """Words as a choice: a, b or c."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _pattern(pattern: str, text: str, path: Path) -> tuple[Words, str]:
    reasons = (words for when, words in REASONS.get(pattern, ()) if re.match(when, text))
    words = next(reasons, PATTERNS.get(pattern, ELSE))
    likely = next((one for one in _variants(text) if re.search(pattern, one) and len(one) < len(text) + 1), "")
    return words, f"did you mean {likely}?" if likely and not CONFIDENTIAL & set(path) else ""


def _variants(text: str) -> Sequence[str]:
    """What somebody may have meant who wrote this."""
    joined = re.sub(r"[\s_]+", "-", text.strip().lower()).strip("-")
    return text.strip(), text.strip().upper(), text.strip().lower(), joined, re.sub(r"[\s-]+", "_", text.strip())


def _as_cel(words: Words, model: type[BaseModel], path: Path, value: Any) -> str:
    """How a number, true or false is written where expressions stand by name: as itself, or as a text."""
    here: Any = model
    for step in path[:-1]:
        here = below(here, step)
    inside = (get_args(here) or (None,))[-1]
    if words != TEXT or CEL not in get_args(inside) or not isinstance(value, int | float):
        return ""
    what = shown(value) if isinstance(value, bool) else "the number"
    return f'write "{shown(value)}" for {what}, "\'{shown(value)}\'" for a text: it is CEL'


def _quotes(words: Words, value: Any) -> str:
    """How to mend a text that should be a number, and the other way round."""
    if words in {WHOLE_NUMBER, NUMBER, TRUTH} and isinstance(value, str):
        return "remove the quotes" if re.fullmatch(r"-?[0-9.]+|true|false", value) else ""
    return "put it in quotes" if words == TEXT and isinstance(value, int | float) else ""
