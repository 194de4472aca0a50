"""A picture as SVG 1.1: shapes and text, no scripts, no fonts or styles from elsewhere. Pure."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from xml.etree import ElementTree as ET

from headrace.workflow.drawing import palette
from headrace.workflow.drawing.layout import (
    BODY,
    BOX_CHARACTERS,
    HEAD,
    LABEL,
    LEADING,
    PADDING,
    PlacedBox,
    PlacedLine,
    Point,
    label_size,
    placed,
)
from headrace.workflow.drawing.palette import INK, MEANINGS, PAPER, SOFT_INK, STROKES, Fill, Stroke
from headrace.workflow.drawing.picture import Picture
from headrace.workflow.drawing.text import printable, width_of, wrapped

MARGIN = 28.0
TITLE = 16.0
CORNER = 6.0
ARROW = 5.0
"""Pixels from the point of an arrow to its back, on a line without width."""
SWATCH = 22.0
ROW = 20.0
TITLE_CHARACTERS = 60
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def svg(picture: Picture) -> str:
    """A whole SVG document. What was shortened to fit stands in full in a `title`, which browsers show on hovering."""
    places = placed(picture)
    legend = _Legend(picture)
    title = wrapped(picture.title, TITLE_CHARACTERS, 2)
    top = MARGIN + len(title) * TITLE * LEADING + 8
    widest = max(places.width, legend.width, *(width_of(line, TITLE) for line in title))
    width, height = widest + 2 * MARGIN, top + places.height + legend.height + 2 * MARGIN
    root = _root(width, height, picture.title)
    _text(root, title, (MARGIN, MARGIN), TITLE, weight="bold")
    drawing = ET.SubElement(root, "g", transform=f"translate({_n((width - places.width) / 2)} {_n(top)})")
    for line in places.lines:
        _draw_line(drawing, line)
    for box in places.boxes:
        _draw_box(drawing, box, run=picture.of_run)
    for line in places.lines:
        _draw_label(drawing, line)
    legend.draw(root, MARGIN, top + places.height + MARGIN)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _root(width: float, height: float, title: str) -> ET.Element:
    size = {"width": _n(width), "height": _n(height), "viewBox": f"0 0 {_n(width)} {_n(height)}"}
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "font-family": FONT, "role": "img"})
    ET.SubElement(root, "title").text = printable(title)
    ET.SubElement(root, "rect", width="100%", height="100%", fill=PAPER)
    return root


def _n(value: float) -> str:
    """A number of pixels, no finer than can be seen."""
    return f"{round(value, 1):g}"


def _text(parent: ET.Element, lines: tuple[str, ...], corner: Point, size: float, **style: str) -> None:
    """Lines of text; corner is the upper left of the first, or the upper middle when they are centred."""
    x, y = corner
    given = {"font-size": _n(size), "fill": style.pop("color", INK)}
    given |= {"font-weight": style.pop("weight")} if "weight" in style else {}
    given |= {"text-anchor": style.pop("anchor")} if "anchor" in style else {}
    for number, line in enumerate(lines):
        baseline = y + (number + 0.78) * size * LEADING
        ET.SubElement(parent, "text", {"x": _n(x), "y": _n(baseline), **given}).text = line


def _draw_box(parent: ET.Element, placed_box: PlacedBox, *, run: bool) -> None:
    box = placed_box.box
    group = ET.SubElement(parent, "g")
    full = "\n".join(map(printable, (box.id, box.type, *box.notes)))
    ET.SubElement(group, "title").text = full
    fill = palette.fill_of(box.type, box.state, run=run)
    _rect(group, (placed_box.x, placed_box.y), (placed_box.width, placed_box.height), fill)
    middle = placed_box.x + placed_box.width / 2
    top = placed_box.y + 0.6 * PADDING
    _text(group, placed_box.head, (middle, top), HEAD, weight="bold", anchor="middle")
    below = top + len(placed_box.head) * HEAD * LEADING
    _text(group, placed_box.body, (middle, below), BODY, color=SOFT_INK, anchor="middle")


def _rect(parent: ET.Element, corner: Point, size: Point, fill: Fill) -> None:
    place = {
        "x": _n(corner[0]),
        "y": _n(corner[1]),
        "width": _n(size[0]),
        "height": _n(size[1]),
        "rx": _n(min(CORNER, size[1] / 4)),
    }
    ET.SubElement(parent, "rect", {**place, "fill": fill.inside, "stroke": fill.border, "stroke-width": "1.5"})


def _draw_line(parent: ET.Element, placed_line: PlacedLine) -> None:
    line = placed_line.line
    stroke = STROKES[line.kind]
    color = palette.FADED if line.taken == 0 else stroke.color
    _stroke(parent, placed_line.points, Stroke(color, stroke.dashes), width=3 if line.taken else 1.5)


def _stroke(parent: ET.Element, points: tuple[Point, ...], stroke: Stroke, width: float) -> None:
    """A line through points with rounded corners, and an arrow at its end."""
    style = {"fill": "none", "stroke": stroke.color, "stroke-width": _n(width)}
    dashes = {"stroke-dasharray": stroke.dashes} if stroke.dashes else {}
    ET.SubElement(parent, "path", {"d": " ".join(_course(_without_tip(points))), **style, **dashes})
    ET.SubElement(parent, "path", {"d": _arrow(points, ARROW + 2 * width), "fill": stroke.color})


def _without_tip(points: tuple[Point, ...]) -> list[Point]:
    """Points that end inside of the arrow, so that no line shows through its tip."""
    *rest, before, end = points
    return [*rest, before, _towards(end, before, ARROW * 0.7)]


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point so far from one point on the way to another, at most halfway."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx**2 + dy**2) ** 0.5 or 1.0
    share = min(distance / length, 0.5)
    return start[0] + dx * share, start[1] + dy * share


def _course(points: list[Point]) -> Iterator[str]:
    yield f"M {_pair(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        yield f"L {_pair(_towards(corner, before, CORNER))} Q {_pair(corner)} {_pair(_towards(corner, after, CORNER))}"
    yield f"L {_pair(points[-1])}"


def _pair(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _arrow(points: tuple[Point, ...], size: float) -> str:
    """A triangle at the end of the last step that has a length."""
    end = points[-1]
    before = next((start for start, stop in reversed(list(pairwise(points))) if start != stop), (end[0], end[1] - 1))
    dx, dy = end[0] - before[0], end[1] - before[1]
    length = (dx**2 + dy**2) ** 0.5
    ux, uy = dx / length * size, dy / length * size
    left = (end[0] - ux - uy / 2, end[1] - uy + ux / 2)
    right = (end[0] - ux + uy / 2, end[1] - uy - ux / 2)
    return f"M {_pair(end)} L {_pair(left)} L {_pair(right)} Z"


def _draw_label(parent: ET.Element, placed_line: PlacedLine) -> None:
    """A label on paper of its own, so that no line runs through its words."""
    if not placed_line.label:
        return
    line, (x, y) = placed_line.line, placed_line.anchor
    width, height = label_size(placed_line.label)
    group = ET.SubElement(parent, "g")
    ET.SubElement(group, "title").text = printable(f"{line.source} → {line.target}: {line.label}")
    corner = {"x": _n(x - width / 2), "y": _n(y - height / 2), "width": _n(width), "height": _n(height)}
    ET.SubElement(group, "rect", {**corner, "fill": PAPER})
    color = SOFT_INK if line.taken == 0 else STROKES[line.kind].color
    _text(group, placed_line.label, (x, y - height / 2), LABEL, color=color, anchor="middle")


class _Legend:
    """What the colours mean, of those that are there; one row for boxes, one for lines."""

    def __init__(self, picture: Picture) -> None:
        self._boxes = dict(_swatches(picture))
        self._lines = dict(_samples(picture))
        rows = [row for row in ([*self._boxes], [*self._lines]) if row]
        self.height = len(rows) * ROW
        self.width = max(sum(map(_step, row)) for row in rows)

    def draw(self, root: ET.Element, x: float, y: float) -> None:
        """Draw it with this upper left corner."""
        for word, place in _row(self._boxes, x):
            _rect(root, (place, y + 2), (SWATCH - 8, 12), self._boxes[word])
            _text(root, (word,), (place + SWATCH, y), BODY, color=SOFT_INK)
        y += ROW
        for word, place in _row(self._lines, x):
            _stroke(root, ((place, y + 8), (place + SWATCH - 4, y + 8)), self._lines[word], 1.5)
            _text(root, (word,), (place + SWATCH, y), BODY, color=SOFT_INK)


def _swatches(picture: Picture) -> Iterator[tuple[str, Fill]]:
    for box in picture.boxes:
        word = (box.state or "not reached") if picture.of_run else box.type
        yield "".join(wrapped(word, BOX_CHARACTERS, 1)), palette.fill_of(box.type, box.state, run=picture.of_run)


def _samples(picture: Picture) -> Iterator[tuple[str, Stroke]]:
    kinds = {line.kind for line in picture.lines}
    yield from ((MEANINGS[kind], stroke) for kind, stroke in STROKES.items() if kind in kinds)
    if any(line.taken == 0 for line in picture.lines):
        yield "not taken", Stroke(palette.FADED)


def _step(word: str) -> float:
    return SWATCH + width_of(word, BODY) + 24


def _row(words: Iterable[str], x: float) -> Iterator[tuple[str, float]]:
    for word in words:
        yield word, x
        x += _step(word)
