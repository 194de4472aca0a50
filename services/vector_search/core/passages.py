"""A text, cut into passages that stand alone. Pure.

A passage ends, in this order of preference, before a heading, after a paragraph, a sentence, a line, a word, or where
it is full. It begins with the headings that it stands under, so that it can be understood, and found, without the rest.
A heading with little below it stays with what follows. Headings are Markdown's `#` lines outside of code fences; a
text without any is cut just the same.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

SMALLEST = 100
"""The smallest limit that makes sense, characters."""
SEPARATOR = " > "
HEADINGS_SHARE = 4
"""Headings take a quarter of a passage at the most; the outer ones are left out first."""
FILLED_SHARE = 4
"""A passage is filled to a quarter before a heading, or another good place, ends it."""

_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
_SENTENCE = re.compile(r"[.!?…][\"')\]»”]*\s+|[。！？]")  # noqa: RUF001  # the full stops of Chinese and Japanese
_LINE = re.compile(r"\n")
_WORD = re.compile(r"\s+")
_BREAKS = (_PARAGRAPH, _SENTENCE, _LINE, _WORD)
_SPACE = re.compile(r"\s*")
_HEADING = re.compile(r" {0,3}(#{1,6})(?=\s|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text. headings: those that it stands under, outermost first, in one line."""

    headings: str
    body: str

    @property
    def text(self) -> str:
        """What is embedded, found and read."""
        return f"{self.headings}\n{self.body}" if self.headings else self.body


@dataclass(frozen=True, slots=True)
class _Heading:
    """A heading line, from its first `#` to its end. path: the title and those above it, outermost first."""

    start: int
    end: int
    above: tuple[str, ...]
    title: str

    @property
    def path(self) -> tuple[str, ...]:
        return (*self.above, self.title) if self.title else self.above


def split(text: str, limit: int, title: str = "") -> Iterator[Passage]:
    """The passages of a text, each at most `limit` characters; nothing but white space is lost.

    title: what the whole text stands under, unless its own headings say so.
    """
    headings = list(_headings(text))
    starts = [heading.start for heading in headings]
    root = " ".join(title.split())
    for begin, end in _sections(text, headings, limit // FILLED_SHARE):
        start = _after_space(text, begin, end)
        while start < end:
            line = _one_line(_above(headings, bisect_left(starts, start), start, root), limit // HEADINGS_SHARE)
            stop = _end(text, start, end, limit - len(line) - bool(line))
            yield Passage(line, text[start:stop].rstrip())
            start = _after_space(text, stop, end)


def _headings(text: str) -> Iterator[_Heading]:
    offset = 0
    fence = ""
    above: list[tuple[int, str]] = []
    for line in text.split("\n"):
        start, offset = offset, offset + len(line) + 1
        if mark := _FENCE.match(line):
            fence = _fence(fence, mark[1], line)
        elif not fence and (heading := _HEADING.match(line)):
            level = len(heading[1])
            title = _title(line[heading.end() :])
            above = [one for one in above if one[0] < level]
            yield _Heading(start + heading.start(1), offset - 1, tuple(name for _, name in above if name), title)
            above.append((level, title))


def _fence(fence: str, mark: str, line: str) -> str:
    """The fence that is open after a line which looks like one; empty when none is."""
    if not fence:
        return mark
    closes = mark.startswith(fence) and line.strip() == mark
    return "" if closes else fence


def _title(text: str) -> str:
    """A heading's words, without the closing `#`s that Markdown allows."""
    words = " ".join(text.split())
    opened = words.rstrip("#")
    return opened.rstrip() if not opened or opened.endswith(" ") else words


def _sections(text: str, headings: list[_Heading], least: int) -> Iterator[tuple[int, int]]:
    """Where the sections begin and end: at each heading before which there is enough, and more than headings."""
    begin = body = 0
    for heading in headings:
        if heading.start - begin >= least and _after_space(text, body, heading.start) < heading.start:
            yield begin, heading.start
            begin = heading.start
        body = heading.end
    yield begin, len(text)


def _above(headings: list[_Heading], number: int, start: int, root: str) -> tuple[str, ...]:
    """What a passage stands under that begins at `start`; `number` headings come before it."""
    if number < len(headings) and headings[number].start == start:
        above, path = headings[number].above, headings[number].path
    else:
        above = path = headings[number - 1].path if number else ()
    return (root, *above) if root and path[:1] != (root,) else above


def _one_line(path: tuple[str, ...], room: int) -> str:
    """Headings in one line of at most `room` characters; the innermost says most."""
    while len(path) > 1 and sum(map(len, path)) + len(SEPARATOR) * (len(path) - 1) > room:
        path = path[1:]
    line = SEPARATOR.join(path)
    return line if len(line) <= room else f"{line[: room - 1]}…"


def _end(text: str, start: int, end: int, room: int) -> int:
    """Where the passage that begins at `start` ends, at the best place that leaves it no more than `room` long."""
    if end - start <= room:
        return end
    full = start + room
    for place in _BREAKS:
        if ends := [found.end() for found in place.finditer(text, start + room // FILLED_SHARE, full)]:
            return ends[-1]
    return full


def _after_space(text: str, start: int, end: int) -> int:
    space = _SPACE.match(text, start, end)
    assert space is not None
    return space.end()
