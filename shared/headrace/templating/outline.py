"""What a template makes whatever its values are."""

from functools import lru_cache
from typing import NamedTuple

from jinja2 import nodes

from headrace.templating.render import MOST_TEMPLATES, parsed


class Outline(NamedTuple):
    """The part of a template that is no matter of its values.

    text: what stands outside of all braces. names: variables that are put in as they are, one for each time. whole:
    whether the template makes nothing else.
    """

    text: str
    names: tuple[str, ...]
    whole: bool


@lru_cache(maxsize=MOST_TEMPLATES)
def outline(source: str) -> Outline:
    """The outline of a template. Raises TemplateFault when it does not compile."""
    body = parsed(source).body
    parts = [part for piece in body for part in (piece.nodes if isinstance(piece, nodes.Output) else [piece])]
    texts = [part.data for part in parts if isinstance(part, nodes.TemplateData)]
    names = tuple(part.name for part in parts if isinstance(part, nodes.Name))
    return Outline("".join(texts), names, len(texts) + len(names) == len(parts))
