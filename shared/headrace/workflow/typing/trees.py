"""From the text of an expression to its syntax tree, and to its value where that is always the same."""

from typing import Any

from headrace.expression import Data, ExpressionError, compile_expression
from headrace.expression.tree import Loop, Tree, free, walk

_NOTHING = Data()


def tree_of(text: str) -> Tree | None:
    """The tree; nothing for a text that does not compile, which others tell."""
    try:
        return compile_expression(text).tree
    except ExpressionError:
        return None


def constant(text: str) -> tuple[Any, ...]:
    """The one value of an expression that looks at nothing; () of any other. Raises ExpressionError if it fails.

    One with a loop in it counts as another: it may take a tenth of a second, and there may be a thousand.
    """
    tree = tree_of(text)
    if tree is None or any(free(tree)) or any(isinstance(part, Loop) for part in walk(tree)):
        return ()
    return (compile_expression(text).evaluate(_NOTHING),)
