"""Templates to texts."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from headrace.errors import HeadraceError
from headrace.fault import did_you_mean
from headrace.templating.budget import LARGEST_TEXT, Budget, within
from headrace.templating.sandbox import FILTERS, Sandbox

MOST_TEMPLATES = 1_024
MOST_TOKENS = 10_000
"""Words and signs between braces, and texts between them, that a template may have: compiling 10,000 takes 0.5 s."""
_SHOWN = 300
"""Characters of a reason that a message repeats."""

_ENVIRONMENT = Sandbox()
_UNNAMED = re.compile(r"No (filter|test) named '(.*)'\.", re.DOTALL)


class TemplateFault(HeadraceError):
    """A template does not compile, or fails on the values it was given."""


def render(source: str, values: Mapping[str, Any], budget: Budget | None = None) -> str:
    """The text of a template with these values. Raises TemplateFault, which names line or variable.

    budget: of several renderings; without one it has its own.
    """
    parts: list[str] = []
    size = 0
    template = _compiled(source)
    try:
        with within(budget or Budget()):
            for part in template.generate(dict(values)):
                size += len(part)
                if size > LARGEST_TEXT:
                    raise TemplateFault(f"the text has more than {LARGEST_TEXT} characters")
                parts.append(part)
    except TemplateError as error:
        raise TemplateFault(_short(str(error))) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise TemplateFault(_short(f"{type(error).__name__}: {error}")) from error
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, written as an escape
        raise TemplateFault("it makes text that is no Unicode") from error
    return text


def check_template(source: str) -> str:
    """Why a template does not compile, or nothing."""
    try:
        _compiled(source)
    except TemplateFault as error:
        return str(error)
    return ""


def variables_of(source: str) -> set[str]:
    """The variables that a template uses and does not set itself. Raises TemplateFault when it does not compile."""
    return find_undeclared_variables(parsed(source)) - _ENVIRONMENT.globals.keys()


def parsed(source: str) -> nodes.Template:
    """A template's syntax tree. Raises TemplateFault when it does not compile."""
    _compiled(source)
    return _ENVIRONMENT.parse(source)


@lru_cache(maxsize=MOST_TEMPLATES)
def _compiled(source: str) -> Template:
    try:
        if any(True for _ in islice(_ENVIRONMENT.lex(source), MOST_TOKENS, None)):
            raise TemplateFault(f"the template has more than {MOST_TOKENS} words and signs")
        with within(Budget()):
            return _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        raise TemplateFault(f"{_short(f'line {error.lineno}: {error.message}')}{_meant(error)}") from error
    except (TemplateError, RecursionError, SyntaxError, ValueError) as error:  # limits that Jinja does not check
        raise TemplateFault(f"nested too deeply, or too large: {_short(str(error))}") from error


def _meant(error: TemplateSyntaxError) -> str:
    """A hint for a filter or a test that there is not."""
    found = _UNNAMED.fullmatch(error.message or "")
    known = {"filter": FILTERS, "test": _ENVIRONMENT.tests}[found[1]] if found else ()
    return f" ({did_you_mean(found[2], known)})" if found else ""


def _short(text: str) -> str:
    text = text.encode(errors="backslashreplace").decode()  # a template can name half of a surrogate pair
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
