"""The colours of pictures, and what they mean. Pure."""

from dataclasses import dataclass

from headrace.nodes import DELAY, WAIT, WORKFLOW
from headrace.workflow.drawing.picture import ALWAYS, BACK, ELSE, ERROR, MISSING, WHEN


@dataclass(frozen=True, slots=True)
class Fill:
    """The inside and the border of a box, as #rrggbb."""

    inside: str
    border: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line: its colour as #rrggbb, and lengths of its dashes and gaps; no dashes: a whole line."""

    color: str
    dashes: str = ""


TYPES = {
    "template": Fill("#eef2ff", "#6366f1"),
    "vector_search": Fill("#ecfeff", "#0891b2"),
    "model_invoke": Fill("#f5f3ff", "#8b5cf6"),
    WAIT: Fill("#fffbeb", "#d97706"),
    DELAY: Fill("#fff7ed", "#ea580c"),
    WORKFLOW: Fill("#f0fdfa", "#0d9488"),
    MISSING: Fill("#fef2f2", "#dc2626"),
}
OTHER_TYPE = Fill("#f8fafc", "#64748b")
STATES = {
    "succeeded": Fill("#dcfce7", "#15803d"),
    "failed": Fill("#fee2e2", "#b91c1c"),
    "skipped": Fill("#f1f5f9", "#94a3b8"),
    "running": Fill("#fef9c3", "#a16207"),
    "held": Fill("#e0e7ff", "#4338ca"),
    "cut off": Fill("#ffedd5", "#c2410c"),
}
UNREACHED = Fill("#ffffff", "#cbd5e1")
"""Of a run's picture: what it did not come to."""

STROKES = {
    ALWAYS: Stroke("#475569"),
    WHEN: Stroke("#1d4ed8"),
    ELSE: Stroke("#1d4ed8", "6 3"),
    ERROR: Stroke("#b91c1c", "6 3"),
    BACK: Stroke("#7c3aed"),
}
MEANINGS = {
    ALWAYS: "always taken",
    WHEN: "taken when it is true",
    ELSE: "else",
    ERROR: "on error",
    BACK: "leads back",
}
FADED = "#cbd5e1"
"""The colour of a line that a run did not take."""
INK, SOFT_INK, PAPER = "#0f172a", "#475569", "#ffffff"


def fill_of(kind: str, state: str, *, run: bool) -> Fill:
    """The colours of a box: of a run's picture its state decides, else its type."""
    if run:
        return STATES.get(state, UNREACHED)
    return TYPES.get(kind, OTHER_TYPE)
