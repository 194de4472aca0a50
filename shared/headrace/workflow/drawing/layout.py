"""Where the boxes and lines of a picture stand. Pure.

The library lays out in layers (Sugiyama et al. 1981), and the same picture the same way each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import graphlay

from headrace.workflow.drawing.picture import BACK, Box, Line, Picture
from headrace.workflow.drawing.text import width_of, wrapped

HEAD, BODY, LABEL = 13.0, 11.0, 11.0
"""Pixels: the sizes of a box's name, of its other lines, and of a line's label."""
LEADING = 1.4
PADDING = 12.0
NARROWEST = 90.0
BOX_CHARACTERS, LABEL_CHARACTERS = 36, 30
NOTE_LINES, LABEL_LINES = 2, 3
OPTIONS = {
    "direction": "topbottom",
    "spacing": {"layer_gap": 30.0, "node_gap": 30.0},
}

Point = tuple[float, float]
Size = tuple[float, float]
Label = tuple[str, ...]
Words = tuple[tuple[str, ...], tuple[str, ...]]
"""The lines of a box: its name, and what else is said of it."""


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box; x and y are its upper left corner, in pixels, and y grows downwards."""

    box: Box
    head: tuple[str, ...]
    body: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line; points lead from border to border. anchor: the middle of its label."""

    line: Line
    points: tuple[Point, ...]
    label: tuple[str, ...]
    anchor: Point


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture with a place for everything; all places are between 0 and width or height, in pixels."""

    boxes: tuple[PlacedBox, ...]
    lines: tuple[PlacedLine, ...]
    width: float
    height: float


def placed(picture: Picture) -> Placed:
    """A place for everything in a picture. A label is laid out like a box in the middle of its line."""
    words = [_words(box) for box in picture.boxes]
    labels = [wrapped(_label(line), LABEL_CHARACTERS, LABEL_LINES) for line in picture.lines]
    graph = _graph(picture, words, labels)
    found = graphlay.layout({"nodes": graph.nodes, "edges": graph.edges}, options=OPTIONS)
    return _places(picture, words, labels, graph, found)


@dataclass(frozen=True, slots=True)
class _Graph:
    """What the library is given. parts: of each line the indices of its edges, one or two with a label in between."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    parts: list[tuple[int, ...]]


def _graph(picture: Picture, words: Sequence[Words], labels: Sequence[Label]) -> _Graph:
    number = {box.id: index for index, box in enumerate(picture.boxes)}
    graph = _Graph([_node(_size(one)) for one in words], [], [])
    for line, label in zip(picture.lines, labels, strict=True):
        stops = [number[end] for end in _downwards(line)]
        if label:
            stops.insert(1, len(graph.nodes))
            graph.nodes.append(_node(label_size(label)))
        first = len(graph.edges)
        graph.edges.extend({"source": one, "target": next_one} for one, next_one in pairwise(stops))
        graph.parts.append(tuple(range(first, len(graph.edges))))
    return graph


def _downwards(line: Line) -> tuple[str, str]:
    """A line's ends, the upper one first: a loop's head stands above its tail."""
    return (line.target, line.source) if line.kind == BACK else (line.source, line.target)


def _node(size: Size) -> dict[str, Any]:
    return {"size": {"width": size[0], "height": size[1]}, "shape": "box"}


def _words(box: Box) -> Words:
    notes = [line for note in box.notes for line in wrapped(note, BOX_CHARACTERS, NOTE_LINES)]
    kind = f"{box.type}, {box.state}" if box.state else box.type
    return wrapped(box.id, BOX_CHARACTERS, NOTE_LINES), (*wrapped(kind, BOX_CHARACTERS, 1), *notes)


def _size(words: Words) -> Size:
    head, body = words
    widest = max([*(width_of(line, HEAD) for line in head), *(width_of(line, BODY) for line in body)])
    height = (len(head) * HEAD + len(body) * BODY) * LEADING
    return max(widest + 2 * PADDING, NARROWEST), height + 1.2 * PADDING


def label_size(label: Label) -> Size:
    """Width and height of a label with a little room around it, in pixels."""
    return max(width_of(line, LABEL) for line in label) + 6, len(label) * LABEL * LEADING


def _label(line: Line) -> str:
    times = f"taken {line.taken} times" if line.taken and line.taken > 1 else ""
    return ", ".join(part for part in (line.label, times) if part)


def _places(
    picture: Picture, words: Sequence[Words], labels: Sequence[Label], graph: _Graph, found: graphlay.Layout
) -> Placed:
    """What the library found, moved so that nothing stands left of or above 0."""
    low, high = found.bounds["min"], found.bounds["max"]

    def point(one: dict[str, float]) -> Point:
        return one["x"] - low["x"], one["y"] - low["y"]

    centers = [point(node["center"]) for node in found.nodes]
    boxes = tuple(map(_box, picture.boxes, words, centers))
    lines = []
    for line, label, parts in zip(picture.lines, labels, graph.parts, strict=True):
        points = tuple(point(one) for part in parts for one in found.edges[part]["points"])
        anchor = centers[graph.edges[parts[0]]["target"]]
        lines.append(PlacedLine(line, points[::-1] if line.kind == BACK else points, label, anchor))
    return Placed(boxes, tuple(lines), high["x"] - low["x"], high["y"] - low["y"])


def _box(box: Box, words: Words, center: Point) -> PlacedBox:
    width, height = _size(words)
    return PlacedBox(box, *words, center[0] - width / 2, center[1] - height / 2, width, height)
