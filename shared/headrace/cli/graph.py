"""workflow graph: a picture of a workflow, deployed or in a file."""

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from headrace.cli.deployed import resolve
from headrace.cli.families import FAMILIES
from headrace.cli.text import printable
from headrace.errors import HeadraceError
from headrace.fault import Fault
from headrace.resource.files import SUFFIXES, load
from headrace.shape import from_pydantic
from headrace.workflow.drawing import Picture, mermaid, picture_of, svg
from headrace.workflow.spec import WorkflowSpec

WORKFLOW = FAMILIES["workflow"]


class PictureFormat(StrEnum):
    """How a picture is written."""

    MERMAID = "mermaid"
    SVG = "svg"


Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")]


def graph(
    what: Annotated[str, typer.Argument(metavar="NAME|FILE", help="name, name@7, name@production, or a YAML file.")],
    *,
    written: Annotated[PictureFormat, typer.Option("--format", help="How to write it.")] = PictureFormat.MERMAID,
    output: Output = None,
) -> None:
    """Draw a workflow: its nodes, and its edges with their conditions. A file needs no Kafka, and may have faults.

    Example: `headrace workflow graph ask-the-docs --format svg -o ask-the-docs.svg`
    """
    title, spec = _of_file(Path(what)) if what.endswith(SUFFIXES) else asyncio.run(_deployed(what))
    write(drawn(picture_of(title, _parsed(title, spec)), written), output)


def drawn(picture: Picture, written: PictureFormat) -> str:
    """A picture as text."""
    return svg(picture) if written is PictureFormat.SVG else mermaid(picture)


def write(text: str, output: Path | None) -> None:
    """Put a text into a file, or on standard output. Raises HeadraceError."""
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HeadraceError(f"{output} can't be written: {error.strerror}") from error


async def _deployed(reference: str) -> tuple[str, Any]:
    (found,) = await resolve(WORKFLOW.domain, WORKFLOW.kinds, (reference,))
    return str(found), found.spec


def _of_file(file: Path) -> tuple[str, Any]:
    """The one workflow in a file; its faults are told on standard error. Raises HeadraceError."""
    loaded = load((file,))
    found = [one for one in (*loaded.resources, *loaded.broken) if one.kind == "Workflow"]
    if not found and loaded.faults:
        raise HeadraceError("; ".join(map(str, loaded.faults)))
    if len(found) != 1:
        raise HeadraceError(f"{file} holds {len(found)} workflows, not one; name a file with one")
    for fault in loaded.faults:
        sys.stderr.write(f"warning: {printable(str(fault))}\n")
    return found[0].name, found[0].document.value.get("spec")


def _parsed(title: str, spec: Any) -> WorkflowSpec:
    try:
        return WorkflowSpec.model_validate(spec)
    except ValidationError as error:
        faults = "; ".join(map(Fault.coded, from_pydantic(error, WorkflowSpec)))
        raise HeadraceError(f"{title} can't be drawn before its shape is right: {faults}") from error
