"""workflow validate: everything that is wrong with workflows and what they refer to, before anything is sent."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from headrace.cli.deployed import catalog_with, collections_of, planned
from headrace.cli.resources import sent
from headrace.cli.session import connected
from headrace.cli.text import printable
from headrace.links import Collections, link_faults
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.resource.files import FileFault, Files, load
from headrace.topics import DOMAINS

ELSEWHERE = frozenset({"reference_not_found", "collection_not_found"})
"""Codes of what files alone can't tell: an installation may have it."""


class Findings(NamedTuple):
    """What is wrong, and what was looked for in files alone and may be deployed; each in the order of the files."""

    faults: list[FileFault]
    unchecked: list[FileFault]


def validate(
    file: Annotated[list[Path], typer.Argument(help="YAML file, or a folder of them.")],
    *,
    live: Annotated[bool, typer.Option("--live", help="Look up what is deployed, too; sends nothing.")] = False,
) -> None:
    """Tell everything that is wrong with workflows and what they refer to: a line for each fault, then the counts.

    Without --live it needs nothing but the files; what they refer to and don't hold is told in notes, which are no
    faults. Exit code 1 when there is a fault.

    Example: `headrace workflow validate examples/ask-the-docs`
    """
    loaded = load(file)
    found = asyncio.run(_deployed(loaded)) if live else offline(loaded)
    for line in told(loaded, found):
        sys.stdout.write(f"{printable(line)}\n")
    if found.faults:
        sys.exit(1)


def offline(loaded: Files) -> Findings:
    """What can be told by files alone."""
    catalog = planned({name: {} for name in DOMAINS}, sent(loaded), DEFAULT_POINTER, none="none in these files")
    linked = link_faults(catalog, loaded, Collections({}, whole=True))
    faults = [one for one in linked if one.fault.code not in ELSEWHERE]
    return Findings(_ordered([*loaded.faults, *faults]), _ordered(one for one in linked if one not in faults))


def told(loaded: Files, found: Findings) -> Iterator[str]:
    """The lines that are printed: each fault, notes of what was not checked, and counts."""
    yield from map(str, found.faults)
    for one in found.unchecked:
        yield f"{one.place} note: not checked, no registry; by these files alone: {one.fault}"
    workflows = sum(one.kind == "Workflow" for one in (*loaded.resources, *loaded.broken))
    counts = [_count(workflows, "workflow"), _count(len(found.faults), "fault")]
    if found.unchecked:
        counts.append(f"{_count(len(found.unchecked), 'reference')} not checked (--live looks them up)")
    yield ", ".join(counts)


async def _deployed(loaded: Files) -> Findings:
    async with connected() as client:
        catalog = await catalog_with(client, sent(loaded), DEFAULT_POINTER)
        linked = link_faults(catalog, loaded, await collections_of(client))
    return Findings(_ordered([*loaded.faults, *linked]), [])


def _ordered(faults: Iterable[FileFault]) -> list[FileFault]:
    return sorted(faults, key=FileFault.position)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
