"""Pictures of workflows, and of the paths that runs took through them. Pure.

picture.py   what is drawn: boxes and lines, with the words on them
path.py      how far a run came, as marks on a picture
palette.py   the colours, and what they mean
mermaid.py   a picture as Mermaid text
text.py      how words are broken into lines, and how wide these are
layout.py    where boxes and lines stand
svg.py       a picture as SVG
"""

from headrace.workflow.drawing.mermaid import mermaid
from headrace.workflow.drawing.path import marked
from headrace.workflow.drawing.picture import Picture, picture_of
from headrace.workflow.drawing.svg import svg

__all__ = ["Picture", "marked", "mermaid", "picture_of", "svg"]
