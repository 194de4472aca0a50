"""Jinja2 templates in its immutable sandbox: nothing is reached but the values given, nothing undefined is silent."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from headrace.errors import HeadraceError

LARGEST_TEXT = 262_144
"""Characters of the longest text that a template may make."""
MOST_TEMPLATES = 1_024


class TemplateFault(HeadraceError):
    """A template does not compile, or fails on the values it was given."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, less what could take long or much: its `range` is bounded by Jinja, repetition by us."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or any(isinstance(side, str | list | tuple) for side in (left, right)):
            raise SecurityError(f"{operator} is not allowed here")
        return super().call_binop(context, operator, left, right)


_ENVIRONMENT = _Sandbox(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # text


def render(source: str, values: Mapping[str, Any]) -> str:
    """The text of a template with these values. Raises TemplateFault, which names line or variable."""
    parts: list[str] = []
    size = 0
    try:
        for part in _compiled(source).generate(dict(values)):
            size += len(part)
            if size > LARGEST_TEXT:
                raise TemplateFault(f"the text has more than {LARGEST_TEXT} characters")
            parts.append(part)
    except TemplateSyntaxError as error:
        raise TemplateFault(f"line {error.lineno}: {error.message}") from error
    except TemplateError as error:
        raise TemplateFault(str(error)) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, OverflowError, AttributeError) as error:
        raise TemplateFault(f"{type(error).__name__}: {error}") from error
    return "".join(parts)


def check_template(source: str) -> str:
    """Why a template does not compile, or nothing."""
    try:
        _compiled(source)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    except TemplateFault as error:
        return str(error)
    return ""


def variables_of(source: str) -> set[str]:
    """The variables that a template uses and does not set itself. Raises TemplateFault when it does not compile."""
    if fault := check_template(source):
        raise TemplateFault(fault)
    return find_undeclared_variables(_ENVIRONMENT.parse(source)) - _ENVIRONMENT.globals.keys()


@lru_cache(maxsize=MOST_TEMPLATES)
def _compiled(source: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(source)
    except (RecursionError, SyntaxError, ValueError) as error:  # Python has limits that Jinja does not check
        raise TemplateFault(f"nested too deeply, or too large: {error}") from error
