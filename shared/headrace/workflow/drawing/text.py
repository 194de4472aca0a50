"""How words are broken into lines, and how wide these are. Pure."""

import re
import unicodedata

ADVANCE = 0.61
"""Width of a character in a monospaced font, in ems; the usual ones have 0.6."""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What can't stand in XML 1.0 (section 2.2)."""


def printable(text: str) -> str:
    """A text on one line, without what XML can't hold."""
    return " ".join(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text).split())


def wrapped(text: str, width: int, most: int) -> tuple[str, ...]:
    """A text as at most so many lines of at most so many characters; what does not fit is an ellipsis.

    Lines end at spaces, and after the dots, commas and brackets of expressions.
    """
    lines = [""]
    for piece in re.findall(rf"[^\s.,(]{{1,{width - 1}}}[.,(]? ?|[.,( ]", printable(text)):
        if len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    found = [line.strip() for line in lines if line.strip()]
    return tuple(found if len(found) <= most else [*found[: most - 1], f"{found[most - 1][: width - 1]}…"])


def width_of(line: str, size: float) -> float:
    """Pixels of a line in a monospaced font of this size; wide characters count twice (UAX #11)."""
    cells = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)
    return cells * ADVANCE * size
