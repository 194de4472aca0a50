"""Texts to programs, programs to values."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from headrace.errors import HeadraceError
from headrace.expression.tree import Call, Constant, Member, Name, Tree, free, parse, walk
from headrace.expression.work import estimate, is_match, worth_estimating
from headrace.fault import did_you_mean, nearest
from headrace.nulls import keep_none

VARIABLES = ("input", "nodes", "run", "previous", "item", "index")
"""`previous` is for loops, `item` and `index` are for maps; not all are given everywhere."""
FUNCTIONS = (
    *("all", "bool", "contains", "double", "duration", "endsWith", "exists", "exists_one", "filter"),
    *("has", "int", "map", "matches", "size", "startsWith", "string", "timestamp", "type"),
)
"""Those that are named when another one is asked for; CEL has also the parts of times, such as getHours()."""
BY_NODE = ("nodes", "previous")
"""Variables that hold something for each node."""
LONGEST = 4_096
"""Characters of the longest expression."""
MOST_COMPILED = 4_096
"""Expressions that are kept, for several look at the same ones before a deployment."""
MOST_WORK = 8_388_608
"""Bytes that one evaluation may handle: less than 0.1 s; map() and filter() reach it with 1,448 elements."""
MOST_WORK_OF_A_NODE = 4 * MOST_WORK
"""The same for all costly expressions of a node that are evaluated one after the other."""
MOST_LOOKS = 16
"""Evaluations that share converted data, and so the memory that they need."""
_SHOWN = 200
"""Characters of an expression, or of a reason, that a message repeats."""

keep_none()
_ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))
_MATCH = _ENVIRONMENT.compile("''.matches(input)")
_NOTHING: Mapping[str, Any] = {name: {} for name in ("input", "nodes", "run", "previous")}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")
_WORDS = re.compile(r"\w+([ ,]+\w+)*[.!?]?")
_PLACE = re.compile(r"<input>:(\d+):(\d+): ([^|\n]*)")
_MEANT = {
    "Key not found": "it is not there: ask has() for it first",
    "SELECT to non-message": "it reads a field of what is no object, such as null: compare it with null first",
    "(int64, double)": "a whole number and a fraction: write double(...) around the first",
    "(double, int64)": "a fraction and a whole number: write double(...) around the second",
}
"""What of CEL's words needs some of ours."""
_UNKNOWN = re.compile(r"undeclared reference to '([^']+)'")


class ExpressionError(HeadraceError):
    """An expression does not compile, or fails on the values it was given."""


class Meter:
    """How many bytes costly expressions have handled together, and how many they may."""

    def __init__(self, most: float = math.inf) -> None:
        self.done = 0.0
        self._left = most

    def allow(self, most: float) -> None:
        """From now on, so many bytes."""
        self._left = most

    def spend(self, work: float) -> None:
        """Take what one expression may handle. Raises ValueError if that is not allowed."""
        if work > MOST_WORK:
            raise ValueError(f"it may have to handle {_mb(work)} of data, {_mb(MOST_WORK)} are allowed")
        if work > self._left:
            raise ValueError(f"it may have to handle {_mb(work)} of data, and those before it left {_mb(self._left)}")
        self.done += work
        self._left -= work


class Data:
    """What expressions look at, converted for CEL once for many of them. meter: theirs."""

    def __init__(self, meter: Meter | None = None, /, **values: Any) -> None:
        self.values = {**_NOTHING, **values}
        self.meter = meter or Meter()
        self._looks = 0
        self._activation: Any = None

    def activation(self, *, alone: bool) -> Any:
        """The data as CEL has it, which keeps all that evaluations make until it is dropped. alone: one makes much."""
        if alone:
            return _ENVIRONMENT.Activation(data=self.values)
        self._looks += 1
        if self._looks % MOST_LOOKS == 1:
            self._activation = _ENVIRONMENT.Activation(data=self.values)
        return self._activation


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    nodes: ids of the nodes that it refers to. previous: ids of those of which it sees the round before. names: those of
    VARIABLES that it refers to. tree: its syntax.
    """

    text: str
    nodes: frozenset[str]
    previous: frozenset[str]
    names: frozenset[str]
    tree: Tree = field(repr=False, compare=False)
    _program: Any = field(repr=False, compare=False)
    _costly: bool = field(repr=False, compare=False)
    """Whether its work must be estimated before it is done."""

    def evaluate(self, data: Data) -> Any:
        """The value, as JSON knows it. Raises ExpressionError."""
        try:
            if self._costly:
                data.meter.spend(estimate(self.tree, data.values))
            result = self._program.eval(activation=data.activation(alone=self._costly))
        except Exception as error:  # the binding raises what C++ threw, such as RuntimeError for too many iterations
            raise self._failure(str(error)) from error
        if result.type() == cel.Type.ERROR:
            raise self._failure(_in_words(str(result.plain_value()).split(": ", 1)[-1]))
        value = result.plain_value()
        if reason := _not_json(value):
            raise self._failure(reason)
        return value

    def _failure(self, reason: str) -> ExpressionError:
        return ExpressionError(f"`{_short(self.text)}` fails: {_short(reason)}")


@lru_cache(MOST_COMPILED)
def compile_expression(text: str) -> Expression:
    """Compile a text. Raises ExpressionError, which gives line, column and what is wrong."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, this one has {len(text)}")
    try:
        program = _ENVIRONMENT.compile(text)
    except Exception as error:  # RuntimeError for faults, and whatever a text that is none leads the binding to
        raise ExpressionError(f"`{_short(text)}`: {_compile_reason(str(error), text)}") from error
    tree = parse(program.serialize())
    parts = list(walk(tree))
    for match in [part for part in parts if isinstance(part, Call) and is_match(part)]:
        if reason := _pattern_fault(match.args[1]):
            raise ExpressionError(f"`{_short(text)}`: the pattern of matches() {reason}")
    names = frozenset(free(tree)) & {*VARIABLES}
    nodes, previous = (_referred(text, parts, name) for name in BY_NODE)
    return Expression(text, nodes, previous, names, tree, program, worth_estimating(tree))


def _pattern_fault(pattern: Tree) -> str:
    """Why a pattern can't be used, or nothing."""
    if not isinstance(pattern, Constant) or pattern.text is None:
        return "must be a literal text"
    tried = _MATCH.eval(data={"input": pattern.text})
    if tried.type() != cel.Type.ERROR:
        return ""
    return f"is no regular expression: {_short(str(tried.plain_value()).rpartition('regular expression: ')[2])}"


def _referred(text: str, parts: Sequence[Tree], name: str) -> frozenset[str]:
    """Ids of nodes in a tree's parts. `nodes` must be followed by `.id`, so that only what is needed is decoded."""
    found = [part.field for part in parts if isinstance(part, Member) and part.of == Name(name)]
    if len(found) != parts.count(Name(name)):
        raise ExpressionError(f"`{_short(text)}`: write {name}.<id>; {name} can't be used as a whole")
    return frozenset(found)


def _compile_reason(message: str, text: str) -> str:
    found = _PLACE.search(message)
    if found is None:
        return f"{_short(message)}{_hint(text)}"
    reason = found[3].strip()
    unknown = _UNKNOWN.match(reason)
    said = _unknown(unknown[1].partition(".")[0], text) if unknown else f"{_short(reason)}{_hint(text)}"
    return f"line {found[1]}, column {found[2]}: {said}"


def _unknown(name: str, text: str) -> str:
    """What is said of a name that there is not."""
    called = re.search(rf"\b{re.escape(name)}\s*\(", text)
    what, known = ("function", FUNCTIONS) if called else ("variable", VARIABLES)
    near = nearest(name, known)
    hint = f" (did you mean {near}?)" if near else _hint(text) or f" ({did_you_mean(name, known)})"
    return f"there is no {what} {_short(name)}{hint}"


def _in_words(reason: str) -> str:
    """What CEL says of a failure, with what that means for users."""
    return reason + next((f" ({meant})" for said, meant in _MEANT.items() if said in reason), "")


def _hint(text: str) -> str:
    """What somebody may have meant who wrote this, which does not compile."""
    bare = _QUOTED.sub("", text)
    if "{{" in bare and "}}" in bare:
        return " (this is CEL: write `input.text` without braces)"
    if _SINGLE_EQUALS.search(bare):
        return " (write == to compare)"
    return " (write 'text' in quotes)" if _WORDS.fullmatch(bare) else ""


def _not_json(value: Any) -> str:
    """Why a value can't be kept as JSON, or nothing."""
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, list):
            left.extend(here)
        elif isinstance(here, dict):
            if not all(isinstance(key, str) for key in here):
                return "the keys of a map must be text"
            left.extend(here)
            left.extend(here.values())
        elif reason := _not_plain(here):
            return reason
    return ""


def _not_plain(value: Any) -> str:
    if isinstance(value, str):
        return "U+0000 can't be part of a text" if "\0" in value else ""
    if isinstance(value, float) and not math.isfinite(value):
        return f"its value is {value}, which is no number for JSON"
    known = value is None or isinstance(value, bool | int | float)
    return "" if known else f"its value is a {type(value).__name__}, which JSON does not have; try string(...)"


def _mb(size: float) -> str:
    return f"{size / 1e6:.3g} MB"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
