"""Others' texts on a terminal: anybody who may write to a topic chooses them."""

from rich.markup import escape


def printable(text: str) -> str:
    """A text without control characters, which could clear the screen or rename the window."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def quoted(text: str) -> str:
    """A printable text inside rich's markup, none of which it is taken for."""
    return escape(printable(text))
