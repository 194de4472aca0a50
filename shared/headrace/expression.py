"""CEL expressions over `input`, `nodes` and `run`: compiled once, evaluated without side effects.

The language: https://cel.dev, through the official binding of cel-cpp. An expression can't loop without bound, and can
reach nothing but what it is given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel

from headrace.errors import HeadraceError

VARIABLES = ("input", "nodes", "run")
LONGEST = 4_096
"""Characters of the longest expression."""

_ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))
_NODE = re.compile(r"\bnodes\b(?:\s*\.\s*([A-Za-z_]\w*))?")
_TEXT = re.compile(r"""\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*'""")
_PLACE = re.compile(r"<input>:(\d+):(\d+): ([^|\n]*)")


class ExpressionError(HeadraceError):
    """An expression does not compile, or fails on the values it was given."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; `nodes` are the ids of the nodes whose output it refers to."""

    text: str
    nodes: frozenset[str]
    _program: Any = field(repr=False, compare=False)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value, as JSON knows it, for `values` of input, nodes and run. Raises ExpressionError."""
        result = self._program.eval(data=dict(values))
        if result.type() == cel.Type.ERROR:
            raise ExpressionError(f"`{self.text}` fails: {_reason(str(result.plain_value()))}")
        return result.plain_value()


def compile_expression(text: str) -> Expression:
    """Compile a text. Raises ExpressionError, which gives line, column and what is wrong."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, this one has {len(text)}")
    try:
        program = _ENVIRONMENT.compile(text)
    except RuntimeError as error:
        raise ExpressionError(f"`{text}`: {_compile_reason(str(error))}") from error
    return Expression(text, _referred(text), program)


def _referred(text: str) -> frozenset[str]:
    """Ids of the nodes in a text. `nodes` must be followed by `.id`, so that only what is needed is decoded."""
    found = _NODE.findall(_TEXT.sub('""', text))
    if "" in found:
        raise ExpressionError(f"`{text}`: write nodes.<id>; nodes can't be used as a whole")
    return frozenset(found)


def _compile_reason(message: str) -> str:
    found = _PLACE.search(message)
    return f"line {found[1]}, column {found[2]}: {found[3].strip()}" if found else message


def _reason(message: str) -> str:
    return message.split(": ", 1)[-1]
