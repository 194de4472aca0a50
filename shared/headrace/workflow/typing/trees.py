"""From the text of an expression to its syntax tree: the one place where this package compiles."""

from headrace.expression import ExpressionError, compile_expression
from headrace.expression.tree import Tree


def tree_of(text: str) -> Tree | None:
    """The tree; nothing for a text that does not compile, which others tell."""
    try:
        return compile_expression(text).tree
    except ExpressionError:
        return None
