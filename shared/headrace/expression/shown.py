"""A syntax tree as CEL again, for messages. Pure."""

import json
from collections.abc import Sequence

from headrace.expression.tree import Call, Collection, Constant, Member, Name, Tree

_SIGNS = {f"_{sign}_": sign for sign in ("<", "<=", ">", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "%")} | {
    "@in": "in"
}
_METHODS = {"contains", "startsWith", "endsWith", "matches"}


def shown(tree: Tree) -> str:
    """A tree as CEL, as far as it is simple."""
    match tree:
        case Constant():
            return constant(tree.value)
        case Name(name):
            return name
        case Member(of, field, test):
            return f"has({shown(of)}.{field})" if test else f"{shown(of)}.{field}"
        case Call(function, args):
            return _call(function, args)
        case Collection(items, keyed=False):
            return f"[{', '.join(map(shown, items))}]"
    return "…"


def _call(function: str, args: Sequence[Tree]) -> str:
    match function, [*args]:
        case sign, [left, right] if sign in _SIGNS:
            return f"{inner(left)} {_SIGNS[sign]} {inner(right)}"
        case "!_" | "-_", [part]:
            return f"{function[0]}{inner(part)}"
        case "_[_]", [part, key]:
            return f"{shown(part)}[{shown(key)}]"
        case "_?_:_", [when, yes, no]:
            return f"{inner(when)} ? {inner(yes)} : {inner(no)}"
        case method, [part, *rest] if method in _METHODS:
            return f"{shown(part)}.{method}({', '.join(map(shown, rest))})"
    return f"{function}({', '.join(map(shown, args))})"


def inner(tree: Tree) -> str:
    """A part of an operation; in brackets if it is one itself."""
    text = shown(tree)
    return f"({text})" if isinstance(tree, Call) and (tree.function in _SIGNS or tree.function == "_?_:_") else text


def constant(value: object) -> str:
    """A literal as CEL."""
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
        return f"'{quoted}'"
    return json.dumps(value)
