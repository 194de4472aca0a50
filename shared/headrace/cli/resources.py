"""apply: prompts, models, workflows, budgets and documents from YAML files."""

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from headrace.apply import Applied, apply, await_readers, store_bodies
from headrace.cli.applied import kept_explained, tell_applied
from headrace.cli.deployed import catalog_with
from headrace.cli.session import PROPOSED, Json, actor, body_store, connected, print_json
from headrace.cli.text import printable
from headrace.client import Client
from headrace.errors import HeadraceError
from headrace.events.document import IngestDocument
from headrace.links import link_faults
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.resource.documents import read_documents
from headrace.resource.files import FileFault, Files, Resource, load
from headrace.resource.model import ModelSpec, life_cycle_warning

WAIT_S = 60.0
AllowMissing = Annotated[
    bool,
    typer.Option("--allow-missing", help="Take also what refers to something that is not there yet, or can't use it."),
]


class Way(NamedTuple):
    """How resources are applied. pointer: moved to each version; move_known: also to one that was there already."""

    pointer: str | None
    reason: str | None = None
    move_known: bool = False


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("apply")(apply_files)


def apply_files(
    file: Annotated[list[Path], typer.Option("--file", "-f", help="YAML file, or a folder of them; may be repeated.")],
    *,
    pointer: Annotated[
        str, typer.Option(help="Moved to each version that is new; empty moves none.")
    ] = DEFAULT_POINTER,
    move_known: Annotated[
        bool, typer.Option("--move", help="Move the pointer also to versions that exist already.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit trail.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the files; needs no Kafka.")] = False,
    allow_missing: AllowMissing = False,
    as_json: Json = False,
) -> None:
    """Create what YAML files describe; if there are faults in them, all are shown and nothing is sent.

    Content that exists already makes no version and moves no pointer that exists: what is applied again undoes no
    rollback. Exit code 1 when anything is refused, else 4 when a protected pointer waits for approval.

    Example: `headrace apply -f examples/ask-the-docs --reason "shorter answers"`
    """
    loaded, documents = _loaded(file)
    if loaded.faults:
        if not dry_run:
            loaded.refuse(asyncio.run(_known_links(loaded, pointer or None)))
        _refuse(loaded.faults)
    resources = sent(loaded)
    for warning in warnings((one.kind, one.name, one.spec) for one in resources):
        sys.stderr.write(f"warning: {warning}\n")
    if dry_run:
        Console(stderr=True).print(_checked(len(resources), len(documents)), soft_wrap=True)
        return
    way = Way(pointer or None, reason, move_known=move_known)
    sys.exit(asyncio.run(_apply(loaded, documents, way, allow_missing=allow_missing, as_json=as_json)))


def _checked(resources: int, documents: int) -> str:
    """What a check without Kafka says, and what it can't."""
    counts = ((resources, "resource"), (documents, "document"))
    told = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
    return f"{told}, no fault; checked without Kafka, so what is named but not in these files was not looked up"


def read(files: Iterable[Path]) -> tuple[list[Resource], list[IngestDocument]]:
    """What files hold; of document sets the documents. Prints all faults and exits with 1 if there are any."""
    loaded, documents = _loaded(files)
    if loaded.faults:
        _refuse(loaded.faults)
    return sent(loaded), documents


def _loaded(files: Iterable[Path]) -> tuple[Files, list[IngestDocument]]:
    loaded = load(files)
    sets = [read_documents(one, actor()) for one in loaded.resources if one.kind == "DocumentSet"]
    loaded.refuse(fault for one in sets for fault in one.faults)
    return loaded, [command for one in sets for command in one.commands]


def sent(loaded: Files) -> list[Resource]:
    """The resources that are sent: of document sets, their documents are."""
    return [one for one in loaded.resources if one.kind != "DocumentSet"]


def _refuse(faults: Sequence[FileFault]) -> NoReturn:
    _tell_faults(faults)
    sys.stderr.write(f"headrace: {len(faults)} fault{'s' * (len(faults) > 1)}; nothing was sent\n")
    sys.exit(1)


def _tell_faults(faults: Iterable[FileFault]) -> None:
    for fault in faults:
        sys.stderr.write(f"{printable(str(fault))}\n")


async def _known_links(loaded: Files, pointer: str | None) -> list[FileFault]:
    """What these resources refer to and is not there, if the installation can be asked."""
    try:
        async with connected() as client:
            return await _missing(client, loaded, pointer)
    except HeadraceError:  # there are faults to be told in any case
        return []


def warnings(specs: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """What is no fault of a kind, name and spec, and should be known: models that will not be there for ever."""
    today = datetime.now(UTC).date()
    models = ((name, ModelSpec.model_validate(spec)) for kind, name, spec in specs if kind == "Model")
    found = (life_cycle_warning(name, spec, today) for name, spec in models)
    return [warning for warning in found if warning]


async def _apply(
    loaded: Files,
    documents: Sequence[IngestDocument],
    way: Way,
    *,
    allow_missing: bool,
    as_json: bool,
) -> int:
    """The exit code."""
    console, resources = Console(stderr=as_json), sent(loaded)
    async with connected() as client:
        missing = await _missing(client, loaded, way.pointer)
        _tell_faults(sorted(missing, key=FileFault.position))
        if missing and not allow_missing:
            sys.stderr.write("headrace: runs would fail for what is missing; nothing was sent (see --allow-missing)\n")
            return 1
        applied = await send(client, console, resources, documents, way)
        routers = await await_readers(client, resources, WAIT_S)
    if as_json:
        print_json([one._asdict() for one in applied])
    console.print(f"{routers} router{'s' * (routers != 1)} acknowledged", highlight=False)
    outcomes = {one.outcome for one in applied}
    return 1 if "refused" in outcomes else PROPOSED if "proposed" in outcomes else 0


async def _missing(client: Client, loaded: Files, pointer: str | None) -> list[FileFault]:
    """What these resources refer to, and would not exist when they do."""
    return link_faults(await catalog_with(client, sent(loaded), pointer), loaded)


async def send(
    client: Client,
    console: Console,
    resources: Sequence[Resource],
    documents: Sequence[IngestDocument],
    way: Way,
) -> list[Applied]:
    """Apply with a progress bar, and a line for each resource and refusal; those whose pointer was kept come last."""
    answers: list[Applied] = []
    resources = await store_bodies(body_store(), resources)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("applying", total=len(resources) + len(documents))
        async for one in apply(client, resources, documents, actor=actor(), timeout_s=WAIT_S, **way._asdict()):
            answers.append(one)
            progress.advance(bar)
            if one.outcome != "kept":
                tell_applied(console, one, way.pointer or "")
    explained = await kept_explained(client, answers, way.pointer or "")
    for before, one in zip(answers, explained, strict=True):
        if before.outcome == "kept":
            tell_applied(console, one, way.pointer or "")
    ingested = sum(one.outcome == "ingested" for one in answers)
    if ingested:
        console.print(f"[green]✓[/] {ingested} documents are searchable", highlight=False)
    return explained
