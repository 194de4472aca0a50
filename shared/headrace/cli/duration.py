"""Times as people type and read them: 90m, 1h, 7d."""

import re
from typing import Annotated

import typer

UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
MOST_DAYS = 3_650
"""The furthest that anybody looks back: ten years."""


def duration(text: str) -> int:
    """Milliseconds of `90m`, `1h` or `7d`, at most MOST_DAYS. Raises typer.BadParameter."""
    found = re.fullmatch(r"([0-9]{1,7})([mhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r:.80} is no time: write 90m, 1h or 7d")
    milliseconds = int(found[1]) * UNITS[found[2]]
    if milliseconds > MOST_DAYS * UNITS["d"]:
        raise typer.BadParameter(f"{text} is too far back: {MOST_DAYS}d at most")
    return milliseconds


def rough(milliseconds: float) -> str:
    """As few digits as tell times apart: `850ms`, `12.3s`, `7m`, `5h`, `3d`."""
    if milliseconds < 1_000:
        return f"{max(milliseconds, 0):.0f}ms"
    if milliseconds < UNITS["m"]:
        return f"{milliseconds / 1_000:.1f}s"
    unit = next(unit for unit in ("d", "h", "m") if milliseconds >= UNITS[unit])
    return f"{milliseconds // UNITS[unit]:.0f}{unit}"


Since = Annotated[int | None, typer.Option(parser=duration, metavar="TIME", help="How far back: 90m, 1h, 7d.")]
