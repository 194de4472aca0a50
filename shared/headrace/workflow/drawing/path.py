"""How far a run came, as marks on a picture. Pure."""

from dataclasses import replace

from headrace.workflow.drawing.picture import Picture
from headrace.workflow.explained import Path


def marked(picture: Picture, path: Path) -> Picture:
    """A workflow's picture with the path of a run: what became of each node, and how often each edge was taken."""
    states = path.states()
    boxes = tuple(replace(box, state=states.get(box.id, "")) for box in picture.boxes)
    lines = tuple(replace(line, taken=path.taken(index)) for index, line in enumerate(picture.lines))
    return replace(picture, boxes=boxes, lines=lines)
