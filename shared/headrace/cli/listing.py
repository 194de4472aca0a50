"""get: what is deployed, its versions and pointers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headrace.cli.deployed import entries_of
from headrace.cli.pausing import paused_since
from headrace.cli.resources import warnings
from headrace.cli.session import Json, print_json
from headrace.cli.text import print_value, quoted
from headrace.errors import HeadraceError
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.fault import did_you_mean
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.resource.splits import Standing
from headrace.resource.state import ACTIVE
from headrace.topics import DOMAINS, Topic

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


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(get)


def get(
    kind: Annotated[str, typer.Argument(help="prompt, model, modelalias, workflow or budget.")],
    name: Annotated[str | None, typer.Argument(help="Show one, with its versions.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List resources, or show one with all its versions. Runs are listed by `headrace run list`."""
    wanted = PLURALS.get(kind.lower(), kind.lower())
    if wanted in {"run", "runs"}:
        raise typer.BadParameter("runs are no resources: `headrace run list` lists them")
    if wanted not in KINDS:
        raise typer.BadParameter(f"no kind {kind!r}: {did_you_mean(kind.lower(), KINDS)}")
    entries = asyncio.run(entries_of(KINDS[wanted]))
    heads = {key: one for key, one in entries.items() if isinstance(one, ResourceHead) and one.kind.lower() == wanted}
    if name is not None and name not in heads:
        raise HeadraceError(f"no {wanted} is named {name!r:.80} ({did_you_mean(name, heads) or 'none exists yet'})")
    if name is None:
        _list(heads, as_json=as_json)
    else:
        _show(name, heads[name], entries, as_json=as_json)


def _list(heads: Mapping[str, ResourceHead], *, as_json: bool) -> None:
    if as_json:
        print_json([{"name": name, "latest": head.latest, **_standings(head)} for name, head in heads.items()])
        return
    table = Table("name", "latest", "pointers")
    for name, head in sorted(heads.items()):
        table.add_row(name, str(head.latest), _pointers(head) + _paused(head))
    Console().print(table)


def _show(name: str, head: ResourceHead, entries: Mapping[str, Any], *, as_json: bool) -> None:
    found = [entries.get(f"{name}/{number}") for number in range(1, head.latest + 1)]
    versions = [one for one in found if isinstance(one, ResourceVersion)]
    if as_json:
        listed = [
            {
                "version": one.version,
                "digest": one.digest,
                "status": one.status,
                "actor": one.actor,
                "at": one.at,
                "spec": json.loads(one.spec),
            }
            for one in versions
        ]
        print_json({"name": name, "kind": head.kind, **_standings(head), "versions": listed})
        return
    console = Console()
    console.print(f"{head.kind} {name}  {_pointers(head)}{_paused(head)}", highlight=False, soft_wrap=True)
    for warning in _warnings(name, head, versions):
        console.print(f"[yellow]{quoted(warning)}[/]")
    for one in versions:
        console.rule(_title(one), align="left")
        print_value(console, json.loads(one.spec))


def _warnings(name: str, head: ResourceHead, versions: Sequence[ResourceVersion]) -> list[str]:
    """What should be known of the version that runs get."""
    active = (one for one in versions if one.version == head.pointers.get(DEFAULT_POINTER))
    return warnings((head.kind, name, json.loads(one.spec)) for one in active)


def _title(one: ResourceVersion) -> str:
    status = "" if one.status == ACTIVE else f", {one.status}"
    return f"version {one.version}, by {quoted(one.actor or 'unknown')}, sha256 {one.digest[:12]}{status}"


def _standings(head: ResourceHead) -> dict[str, Any]:
    """Where pointers stand, who shares them, which are protected, what waits for them, and whether runs are held."""
    fields = ("pointers", "splits", "protected", "proposals", "paused")
    return {name: msgspec.to_builtins(getattr(head, name)) for name in fields}


def _paused(head: ResourceHead) -> str:
    """Since when, by whom and why a workflow's runs are held, or nothing."""
    return f"; [yellow]{escape(paused_since(head.paused))}[/]" if head.paused else ""


def _pointers(head: ResourceHead) -> str:
    return ", ".join(_pointer(head, pointer) for pointer in sorted({*head.pointers, *head.protected}))


def _pointer(head: ResourceHead, pointer: str) -> str:
    stands = head.pointers.get(pointer)
    shown = pointer if stands is None else f"{pointer} → {Standing(stands, head.splits.get(pointer, ()))}"
    notes = ["protected"] * (pointer in head.protected)
    if proposal := head.proposals.get(pointer):
        wanted = "lifting it" if proposal.version is None else Standing(proposal.version, proposal.split)
        notes.append(f"{wanted} waits for approval")
    return f"{shown} ({', '.join(notes)})" if notes else shown
