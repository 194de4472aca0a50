"""The project's pages as tests read them: Markdown's blocks, tables, links and headings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block. words: what stands behind the fence, the language first."""

    page: Path
    line: int
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(TOP)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: found.start()].count("\n") + 1, tuple(found[1].split()), found[2])
        for found in FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def tables(page: Path) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Header and rows of each table."""
    for found in re.finditer(r"(?:^\|.*\|\n)+", prose(page), re.MULTILINE):
        header, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in found[0].splitlines()]
        yield header, rows


def table(page: Path, *header: str) -> list[list[str]]:
    """The rows of all tables of a page with this header."""
    return [row for found, rows in tables(page) if tuple(found) == header for row in rows]


def code(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return INLINE.findall(cell)


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text, without assignments in front."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.wordchars += "@"
        for word in [*lexer, ";"]:
            if set(word) <= set("();<>|&$"):
                if words:
                    yield words
                words = []
            elif words or not re.fullmatch(r"[A-Z_]+=.*", word):
                words.append(word)


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have as targets of links."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
