"""A picture as Mermaid text (https://mermaid.js.org/syntax/flowchart.html). Pure."""

import re
from collections.abc import Iterator

from headrace.workflow.drawing.palette import FADED, STROKES, fill_of
from headrace.workflow.drawing.picture import ALWAYS, BACK, ELSE, ERROR, WHEN, Box, Line, Picture

ARROWS = {ALWAYS: "-->", WHEN: "-->", ELSE: "-.->", ERROR: "-.->", BACK: "==>"}
_UNSAFE = re.compile(r"[^\w .,=/()\[\]!?+'@-]|^[^\w]|[.)](?=\s)")
"""What Mermaid might read as syntax, markup or Markdown: quotes, tags, the marks of lists, the colon of a style."""
_SPACE = re.compile(r"\s+")


def mermaid(picture: Picture) -> str:
    """A flowchart. Nodes are called n0, n1 …: an id such as `end` is a word of Mermaid's own."""
    names = {box.id: f"n{number}" for number, box in enumerate(picture.boxes)}
    lines = [
        "---",
        f'title: "{_title(picture.title)}"',
        "---",
        "flowchart TD",
        *(f'    {names[box.id]}["{_words(box)}"]' for box in picture.boxes),
        *(f"    {names[line.source]} {_arrow(line)} {names[line.target]}" for line in picture.lines),
        *_styles(picture, names),
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text on one line of which nothing is taken for Mermaid's, HTML's or Markdown's syntax."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", _SPACE.sub(" ", text).strip())


def _title(text: str) -> str:
    """A text between quotes in the YAML above a flowchart."""
    return re.sub(r"[^\w .,:@/-]", "", text)


def _words(box: Box) -> str:
    head = f"{escaped(box.id)} ({escaped(box.state)})" if box.state else escaped(box.id)
    return "<br/>".join([f"<b>{head}</b>", escaped(box.type), *map(escaped, box.notes)])


def _arrow(line: Line) -> str:
    label = escaped(line.label)
    if line.taken and line.taken > 1:
        label = f"{label}, taken {line.taken} times" if label else f"taken {line.taken} times"
    return f'{ARROWS[line.kind]}|"{label}"|' if label else ARROWS[line.kind]


def _styles(picture: Picture, names: dict[str, str]) -> Iterator[str]:
    run = picture.of_run
    for box in picture.boxes:
        fill = fill_of(box.type, box.state, run=run)
        yield f"    style {names[box.id]} fill:{fill.inside},stroke:{fill.border},color:#0f172a"
    for number, line in enumerate(picture.lines):
        color = FADED if line.taken == 0 else STROKES[line.kind].color
        width = 3 if line.taken else 1
        yield f"    linkStyle {number} stroke:{color},stroke-width:{width}px"
