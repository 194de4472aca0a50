"""apply and get: prompts, models, workflows and documents."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from headrace.apply import Applied, apply, await_routers, store_bodies
from headrace.cli.session import Json, actor, body_store, connected, print_json
from headrace.cli.text import print_value, quoted
from headrace.client import Client, Seen
from headrace.errors import HeadraceError, NotFound
from headrace.events.document import IngestDocument
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.fault import did_you_mean
from headrace.prompting import misused
from headrace.resource.catalog import DEFAULT_POINTER, Catalog, Resolved
from headrace.resource.documents import read_documents
from headrace.resource.files import FileFault, Resource, load
from headrace.resource.specs import references
from headrace.topics import DOMAINS, Domain, Topic

WAIT_S = 60.0
KINDS: Mapping[str, Topic] = {
    "prompt": DOMAINS["prompt"].state,
    "model": DOMAINS["model"].state,
    "modelalias": DOMAINS["model"].state,
    "workflow": DOMAINS["workflow"].state,
    "budget": DOMAINS["budget"].state,
}
PLURALS = {
    "prompts": "prompt",
    "models": "model",
    "modelaliases": "modelalias",
    "workflows": "workflow",
    "budgets": "budget",
}
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Take also what refers to something that is not there yet.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("apply")(apply_files)
    app.command()(get)


def apply_files(
    file: Annotated[list[Path], typer.Option("--file", "-f", help="YAML file, or a folder of them; may be repeated.")],
    *,
    pointer: Annotated[str, typer.Option(help="Moved to each version; empty moves none.")] = DEFAULT_POINTER,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit trail.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the files; needs no Kafka.")] = False,
    allow_missing: AllowMissing = False,
    as_json: Json = False,
) -> None:
    """Create what YAML files describe; if there are faults in them, all are shown and nothing is sent."""
    resources, documents = read(file)
    if dry_run:
        Console(stderr=True).print(f"{len(resources)} resources and {len(documents)} documents, no fault")
        return
    done = _apply(resources, documents, pointer or None, reason, allow_missing=allow_missing, as_json=as_json)
    if not asyncio.run(done):
        sys.exit(1)


def read(files: Iterable[Path]) -> tuple[list[Resource], list[IngestDocument]]:
    """What files hold; of document sets the documents. Prints all faults and exits with 1 if there are any."""
    loaded = load(files)
    faults: list[FileFault] = [*loaded.faults]
    resources = [one for one in loaded.resources if one.kind != "DocumentSet"]
    documents: list[IngestDocument] = []
    for one in loaded.resources:
        if one.kind == "DocumentSet":
            found = read_documents(one, actor())
            documents += found.commands
            faults += found.faults
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if faults:
        sys.stderr.write(f"headrace: {len(faults)} fault{'s' * (len(faults) > 1)}; nothing was sent\n")
        sys.exit(1)
    return resources, documents


async def _apply(
    resources: Sequence[Resource],
    documents: Sequence[IngestDocument],
    pointer: str | None,
    reason: str | None,
    *,
    allow_missing: bool,
    as_json: bool,
) -> bool:
    console = Console(stderr=as_json)
    async with connected() as client:
        missing = await _missing(client, resources, pointer)
        for message in missing:
            sys.stderr.write(f"{message}\n")
        if missing and not allow_missing:
            sys.stderr.write("headrace: runs would fail for what is missing; nothing was sent (see --allow-missing)\n")
            return False
        applied = await send(client, console, resources, documents, pointer=pointer, reason=reason)
        routers = await await_routers(client, WAIT_S)
    if as_json:
        print_json([one._asdict() for one in applied])
    console.print(f"{routers} router{'s' * (routers != 1)} acknowledged", highlight=False)
    return not any(one.outcome == "refused" for one in applied)


async def _missing(client: Client, resources: Sequence[Resource], pointer: str | None) -> list[str]:
    """What these resources refer to, and would not exist when they do."""
    entries = await _all_entries(client)
    for one in resources:
        _add(entries[one.domain], one, pointer)
    catalog = _catalog(entries)
    return [
        f"{one.file}: {one.kind} {one.name}: {why}"
        for one in resources
        for why in (
            *dangling(catalog, one.kind, one.spec),
            *(misused(catalog, one.name, one.spec) if one.kind == "Prompt" else ()),
        )
    ]


def dangling(catalog: Catalog, kind: str, spec: Mapping[str, Any]) -> list[str]:
    """Why each reference in a spec leads nowhere that does."""
    found = []
    for kinds, ref in references(kind, spec):
        try:
            catalog.resolve(kinds, ref)
        except NotFound as error:
            found.append(str(error))
    return found


async def catalog_of(client: Client) -> Catalog:
    """Everything that is deployed now."""
    return _catalog(await _all_entries(client))


async def _all_entries(client: Client) -> dict[str, dict[str, Any]]:
    return {name: newest(await client.read_all(domain.state)) for name, domain in DOMAINS.items()}


def _catalog(entries: Mapping[str, Mapping[str, Any]]) -> Catalog:
    models = entries["model"]
    others = {kind: entries[kind.lower()] for kind in ("Prompt", "Workflow", "Budget")}
    return Catalog({"Model": models, "ModelAlias": models, **others})


def _add(entries: dict[str, Any], one: Resource, pointer: str | None) -> None:
    """The entries of a domain's state as they would be with this resource."""
    head = entries.get(one.name, ResourceHead(kind=one.kind, latest=0))
    version = head.latest + 1
    pointers = {**head.pointers, **({pointer: version} if pointer else {})}
    entries[one.name] = ResourceHead(kind=one.kind, latest=version, pointers=pointers)
    entries[f"{one.name}/{version}"] = ResourceVersion(
        kind=one.kind, version=version, digest=f"{one.name}/{version}", spec=json.dumps(one.spec), at=0
    )


async def send(
    client: Client,
    console: Console,
    resources: Sequence[Resource],
    documents: Sequence[IngestDocument],
    *,
    pointer: str | None,
    reason: str | None = None,
) -> list[Applied]:
    """Apply with a progress bar, and a line for each resource and refusal."""
    answers: list[Applied] = []
    resources = await store_bodies(body_store(), resources)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("applying", total=len(resources) + len(documents))
        async for one in apply(
            client, resources, documents, pointer=pointer, actor=actor(), reason=reason, timeout_s=WAIT_S
        ):
            answers.append(one)
            progress.advance(bar)
            if one.kind != "Document" or one.outcome == "refused":
                console.print(_line(one), highlight=False)
    ingested = sum(one.outcome == "ingested" for one in answers)
    if ingested:
        console.print(f"[green]✓[/] {ingested} documents are searchable", highlight=False)
    return answers


def _line(one: Applied) -> str:
    if one.outcome == "refused":
        return f"[red]✗[/] {one.kind} {one.name} refused: {quoted(one.message)}"
    back = ": the pointer stands on it again" if one.outcome == "moved" else ""
    return f"[green]✓[/] {one.kind} {one.name}@{one.version} {one.outcome}{back}"


def get(
    kind: Annotated[str, typer.Argument(help="prompt, model, modelalias, workflow or budget.")],
    name: Annotated[str | None, typer.Argument(help="Show one, with its versions.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List resources, or show one with all its versions."""
    wanted = PLURALS.get(kind.lower(), kind.lower())
    if wanted not in KINDS:
        raise typer.BadParameter(f"no kind {kind!r}: {did_you_mean(kind.lower(), KINDS)}")
    entries = asyncio.run(_entries(KINDS[wanted]))
    heads = {key: one for key, one in entries.items() if isinstance(one, ResourceHead) and one.kind.lower() == wanted}
    if name is not None and name not in heads:
        raise HeadraceError(f"no {wanted} is named {name!r:.80} ({did_you_mean(name, heads) or 'none exists yet'})")
    if name is None:
        _list(heads, as_json=as_json)
    else:
        _show(name, heads[name], entries, as_json=as_json)


async def _entries(state: Topic) -> Mapping[str, Any]:
    async with connected() as client:
        return newest(await client.read_all(state))


async def resolve(domain: Domain, kinds: tuple[str, ...], references: tuple[str, ...]) -> list[Resolved]:
    """What references mean now. Raises NotFound."""
    catalog = Catalog(dict.fromkeys(kinds, await _entries(domain.state)))
    return [catalog.resolve(kinds, reference) for reference in references]


def newest(seen: Iterable[Seen]) -> dict[str, Any]:
    """A compacted topic's entries by key; tombstones remove theirs."""
    entries: dict[str, Any] = {}
    for one in seen:
        entries.pop(one.key, None)
        if one.event:
            entries[one.key] = one.event
    return entries


def _list(heads: Mapping[str, ResourceHead], *, as_json: bool) -> None:
    if as_json:
        rows = ({"name": name, "latest": head.latest, "pointers": head.pointers} for name, head in heads.items())
        print_json([*rows])
        return
    table = Table("name", "latest", "pointers")
    for name, head in sorted(heads.items()):
        table.add_row(name, str(head.latest), _pointers(head))
    Console().print(table)


def _show(name: str, head: ResourceHead, entries: Mapping[str, Any], *, as_json: bool) -> None:
    found = [entries.get(f"{name}/{number}") for number in range(1, head.latest + 1)]
    versions = [one for one in found if isinstance(one, ResourceVersion)]
    if as_json:
        listed = [
            {
                "version": one.version,
                "digest": one.digest,
                "actor": one.actor,
                "at": one.at,
                "spec": json.loads(one.spec),
            }
            for one in versions
        ]
        print_json({"name": name, "kind": head.kind, "pointers": head.pointers, "versions": listed})
        return
    console = Console()
    console.print(f"{head.kind} {name}  {_pointers(head)}")
    for one in versions:
        console.rule(
            f"version {one.version}, by {quoted(one.actor or 'unknown')}, sha256 {one.digest[:12]}", align="left"
        )
        print_value(console, json.loads(one.spec))


def _pointers(head: ResourceHead) -> str:
    return ", ".join(f"{pointer} → {version}" for pointer, version in sorted(head.pointers.items()))
