"""What a template may do: Jinja's immutable sandbox, less what could take long or make much.

Jinja has no hooks for loops, `~`, comparisons and slices, so these are rewritten into filters between parsing and
generating. Such filters have names that no template can write.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from headrace.templating.budget import check_size, size_of, spend, spend_on

LARGEST_ARGUMENT = 10_000
"""Largest number that a filter takes, such as a width."""
LARGEST_INTEGER_BITS = 256

FILTERS = (
    *("abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby"),
    *("indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr"),
    *("replace", "reverse", "round", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim"),
    *("truncate", "unique", "upper", "wordcount"),
)
"""Jinja's filters that a template may use: no formatting to a width, nothing random."""
_INSTANT = {"count", "d", "default", "first", "last", "length"}
"""Filters that don't look into their value."""

_TEXT_METHODS = {
    *("capitalize", "count", "endswith", "find", "isalpha", "isdigit", "isspace", "lower", "lstrip", "removeprefix"),
    *("removesuffix", "rfind", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
}
_METHODS: dict[type, set[str]] = {
    str: _TEXT_METHODS,
    dict: {"get", "items", "keys", "values"},
    list: {"count", "index"},
    tuple: {"count", "index"},
}
_LOOP, _CONCAT, _SEEN = "for each", "~", "looked at"


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,  # texts for models, not for browsers
            keep_trailing_newline=True,
            optimized=False,
            finalize=_finalize,
        )
        self.globals = {"range": self.globals["range"]}
        self.filters = {name: _bounded(name, self.filters[name]) for name in FILTERS}
        self.filters |= {_LOOP: _counted, _CONCAT: _joined, _SEEN: _seen}
        self.tests = {name: _bounded(name, cast("Any", test)) for name, test in self.tests.items()}

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """The text of a block, such as what `set` captures."""
        parts = list(parts)
        check_size(sum(map(len, parts)))
        return "".join(parts)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Operators that can make much out of little."""
        if operator == "+":
            _check_sum(left, right)
        elif operator == "**" or any(isinstance(side, str | list | tuple) for side in (left, right)):
            raise SecurityError(f"{operator} is not allowed here")
        elif operator == "*":
            _check_product(left, right)
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`; what the data holds comes before the methods of the type that holds it."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> None:
        """Nothing: `format` can fill up to any width."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only methods that make nothing larger."""
        if isinstance(obj, LoopContext):
            return super().is_safe_attribute(obj, attr, value)
        return attr in _METHODS.get(type(obj), ())

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Something that fails when it is used, and says why."""
        message = f"{attribute} of a {type(obj).__name__} can't be used in a template; there may be a filter for it"
        return self.undefined(message, exc=SecurityError)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  # as in Jinja: any keyword may follow
        """A method or `range`."""
        spend_on(getattr(__obj, "__self__", None), *args)
        return super().call(__context, __obj, *args, **kwargs)

    def _generate(self, source: nodes.Template, name: Any, filename: Any, defer_init: bool = False) -> str:
        return super()._generate(_Rewriter(self).visit(source), name, filename, defer_init)


class _Rewriter(NodeTransformer):
    """Refuses what is not there, and puts our filters where Jinja has no hooks."""

    def __init__(self, environment: Sandbox) -> None:
        self._environment = environment

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # Jinja's names
        if node.recursive:
            self._refuse(node)
        cost = nodes.Const(sum(1 for _ in node.find_all(nodes.Node)))
        self.generic_visit(node)
        node.iter = self._filter(_LOOP, cast("nodes.Expr", node.iter), [cost])
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._filter(_CONCAT, nodes.List(node.nodes, lineno=node.lineno, environment=self._environment))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = self._filter(_SEEN, node.expr)
        for operand in node.ops:
            operand.expr = self._filter(_SEEN, operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = self._filter(_SEEN, node.node)
        return node

    def _refuse(self, node: nodes.Node, *_: Any) -> nodes.Node:
        what = "a recursive loop" if isinstance(node, nodes.For) else type(node).__name__.lower()
        raise TemplateSyntaxError(f"{what} is not supported in these templates", node.lineno)

    visit_Macro = visit_CallBlock = visit_Block = visit_Extends = _refuse  # noqa: N815
    visit_Include = visit_Import = visit_FromImport = _refuse  # noqa: N815

    def _filter(self, name: str, value: nodes.Expr, args: Iterable[nodes.Expr] = ()) -> nodes.Filter:
        place: dict[str, Any] = {"lineno": value.lineno, "environment": self._environment}
        return nodes.Filter(value, name, list(args), [], None, None, **place)


def _finalize(value: Any) -> Any:
    """What is written out; a list or an object becomes text here."""
    if isinstance(value, dict | list | tuple):
        check_size(size_of(value))
    return value


def _counted(values: Iterable[Any], cost: int) -> Iterator[Any]:
    """The values of a loop whose body costs so many steps."""
    for value in values:
        spend(cost)
        yield value


def _joined(parts: list[Any]) -> str:
    """`a ~ b`."""
    check_size(sum(map(size_of, parts)))
    return "".join(map(str, parts))


def _seen(value: Any) -> Any:
    """A value that is looked at in full: a side of a comparison, or what a slice is taken of."""
    if isinstance(value, str | list | dict | tuple):
        spend_on(value)
    return value


def _check_sum(left: Any, right: Any) -> None:
    if isinstance(left, str) and isinstance(right, str):
        check_size(len(left) + len(right))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        spend(len(left) + len(right))


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() + right.bit_length()
        if bits > LARGEST_INTEGER_BITS:
            raise SecurityError("a product is too large")


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or test of Jinja's that takes steps, and refuses to make too much."""
    passed = 1 if hasattr(function, "jinja_pass_arg") else 0
    grown = _GROWN.get(name)

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        before, value, rest = args[:passed], args[passed], args[passed + 1 :]
        for argument in (*rest, *kwargs.values()):
            if isinstance(argument, int) and abs(argument) > LARGEST_ARGUMENT:
                raise SecurityError(f"{argument} is too large for {name}")
        if name == "join" and not isinstance(value, str):
            value = list(value)
        if name not in _INSTANT:
            spend_on(value, *rest, *kwargs.values())
        if grown:
            check_size(grown(value, *rest, **kwargs))
        return function(*before, value, *rest, **kwargs)

    return run


def _joined_size(value: Any, d: str = "", attribute: Any = None) -> int:
    items = sum(size_of(item) if isinstance(item, dict | list | tuple) else len(str(item)) for item in value)
    return items + len(value) * len(str(d))


def _replaced_size(s: Any, old: Any, new: Any, count: Any = None) -> int:
    return len(str(s)) + str(s).count(str(old)) * len(str(new))


def _indented_size(s: Any, width: Any = 4, first: bool = False, blank: bool = False) -> int:
    step = len(width) if isinstance(width, str) else int(width)
    return len(str(s)) + (str(s).count("\n") + 1) * step


def _json_size(value: Any, indent: Any = None) -> int:
    """Characters of JSON, an indentation for each value on each of the levels that data has at most."""
    return size_of(value) * (1 + 8 * int(indent or 0))


def _summed_size(iterable: Any, attribute: Any = None, start: Any = 0) -> int:
    if not isinstance(start, int | float):
        raise SecurityError("sum adds numbers")
    return 0


_GROWN: dict[str, Callable[..., int]] = {
    "join": _joined_size,
    "replace": _replaced_size,
    "indent": _indented_size,
    "tojson": _json_size,
    "sum": _summed_size,
}
"""Characters that a filter may make of its arguments; where there is none, hardly more than it was given."""
