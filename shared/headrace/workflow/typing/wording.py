"""Parts of expressions and kinds of values, said for people."""

from headrace.expression.tree import Call, Constant, Member, Name, Tree
from headrace.workflow.typing.types import Type

NAMES = {
    "_&&_": "&& (or all)",
    "_||_": "|| (or exists)",
    "-_": "-",
    "!_": "!",
    "_?_:_": "? :",
    "@in": "in",
    "_[_]": "[ ]",
}
"""Operators whose name in the tree is not simply what stands between the underscores."""
_SHOWN = 80


def operator(function: str) -> str:
    """A function's name, as its user writes it."""
    return NAMES.get(function) or (function.strip("_") if function.startswith("_") else f"{function}()")


def valued(tree: Tree, type_: Type) -> str:
    """What stands at a place and what it is, such as `a text (input.name)`."""
    place = path_of(tree)
    return f"{type_} ({place:.{_SHOWN}})" if place else str(type_)


def path_of(tree: Tree) -> str:
    """A path as it is written; empty for anything else."""
    match tree:
        case Name():
            return "" if tree.name.startswith("@") else tree.name
        case Constant(text=str()):
            return f"'{tree.text}'"
        case Member():
            return f"{before}.{tree.field}" if (before := path_of(tree.of)) else ""
        case Call(function="_[_]", args=(of, at)):
            return f"{before}[{path_of(at) or '…'}]" if (before := path_of(of)) else ""
    return ""
