"""Others' texts on a terminal: anybody who may write to a topic chooses them."""

import json
from typing import Any

from rich.console import Console
from rich.markup import escape


def printable(text: str) -> str:
    """A text without control characters, which could clear the screen or rename the window."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def print_value(console: Console, value: Any) -> None:
    """A JSON value, indented."""
    console.print_json(printable(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)))


def quoted(text: str) -> str:
    """A printable text inside rich's markup, none of which it is taken for."""
    return escape(printable(text))
