"""prompt, model and workflow: history, diff, move, rollback; prompt render."""

import asyncio
import difflib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
import yaml
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from headrace import changes
from headrace.changes import Moved
from headrace.cli import budgets
from headrace.cli.erasure import erase
from headrace.cli.health import health
from headrace.cli.hops import clock
from headrace.cli.rendering import render
from headrace.cli.resources import AllowMissing, catalog_of, dangling, resolve
from headrace.cli.session import Json, actor, connected, plain, print_json
from headrace.cli.text import printable, quoted
from headrace.cli.trying import try_out
from headrace.client import Seen
from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.resource import ChangeRefused, MovePointer, PointerMoved, VersionCreated, VersionReused
from headrace.resource.catalog import DEFAULT_POINTER, Resolved
from headrace.topics import DOMAINS, Domain

WAIT_S = 60.0
Name = Annotated[str, typer.Argument(help="The resource's name.")]
Version = Annotated[str, typer.Argument(help="7, v7, or a pointer such as production.")]
Pointer = Annotated[str, typer.Option(help="The pointer that moves.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the audit trail.")]


class Family(NamedTuple):
    """A group of commands: the topics behind it, and the kinds of resources that share their names there."""

    domain: Domain
    kinds: tuple[str, ...]
    help: str


FAMILIES = {
    "prompt": Family(DOMAINS["prompt"], ("Prompt",), "Versions and pointers of prompts."),
    "model": Family(DOMAINS["model"], ("ModelAlias", "Model"), "Versions and pointers of models and model aliases."),
    "workflow": Family(DOMAINS["workflow"], ("Workflow",), "Versions and pointers of workflows."),
    "budget": Family(DOMAINS["budget"], ("Budget",), "Versions and pointers of budgets."),
}


def register(app: typer.Typer) -> None:
    """Add these commands, the same for each family."""
    for name, family in FAMILIES.items():
        group = typer.Typer(no_args_is_help=True, help=family.help)
        for command in (_history, _diff, _move, _rollback):
            group.command(command.__name__.strip("_"))(command(family))
        if name == "prompt":
            group.command()(render)
            group.command()(erase)
            group.command("try")(try_out)
        if name == "model":
            group.command()(health)
        if name == "budget":
            budgets.register(group)
        app.add_typer(group, name=name)


def _history(family: Family) -> Callable[..., None]:
    def history(name: Name, *, as_json: Json = False) -> None:
        """Show every change, from the log: who, what, when, why; refused attempts too."""
        found = asyncio.run(_read_history(family, name))
        if as_json:
            print_json([_row(seen) for seen in found])
            return
        table = Table("when", "who", "what", "why")
        for seen in found:
            told = _told(seen.event) if seen.event else ("", f"[red]unreadable[/]: {quoted(seen.fault or '')}", "")
            table.add_row(clock(seen.at), *told)
        Console().print(table)

    return history


def _diff(family: Family) -> Callable[..., None]:
    def diff(name: Name, old: Version, new: Version) -> None:
        """Show what one version has that another has not. Prints nothing when they are equal."""
        before, after = asyncio.run(_resolve(family, name, (old, new)))
        lines = difflib.unified_diff(_text(before), _text(after), str(before), str(after), lineterm="")
        if text := "\n".join(lines):
            console = Console()
            shown = Syntax(printable(text), "diff", background_color="default", word_wrap=True)
            console.print(shown) if console.is_terminal else sys.stdout.write(f"{printable(text)}\n")

    return diff


def _move(family: Family) -> Callable[..., None]:
    def move(
        name: Name,
        to: Version,
        *,
        pointer: Pointer = DEFAULT_POINTER,
        expect: Annotated[
            int | None, typer.Option(help="Refuse unless the pointer stands at this version now.")
        ] = None,
        reason: Reason = None,
        allow_missing: AllowMissing = False,
        as_json: Json = False,
    ) -> None:
        """Move a pointer to a version, and wait until every router has applied it."""
        command = MovePointer(pointer=pointer, version=0, expected=expect, actor=actor(), reason=reason)
        moved = asyncio.run(_carry_out(family, name, to, command, allow_missing=allow_missing))
        _tell(name, moved, as_json=as_json)

    return move


def _rollback(family: Family) -> Callable[..., None]:
    def rollback(
        name: Name,
        *,
        pointer: Pointer = DEFAULT_POINTER,
        to: Annotated[str | None, typer.Option(help="7 or v7; without it, one step back on the pointer's way.")] = None,
        reason: Annotated[str, typer.Option(help="Why, for the audit trail.")],
        allow_missing: AllowMissing = False,
        as_json: Json = False,
    ) -> None:
        """Move a pointer back, with one event, and say how many routers have applied it and how fast.

        Runs that start afterwards use the old version, runs in flight stay as they are pinned. It is refused when
        somebody moves the pointer meanwhile.
        """
        moved = asyncio.run(_roll_back(family, name, pointer, to, reason, allow_missing=allow_missing))
        _tell(name, moved, as_json=as_json)

    return rollback


async def _read_history(family: Family, name: str) -> list[Seen]:
    async with connected() as client:
        return await changes.history(client, family.domain, name)


async def _resolve(family: Family, name: str, versions: tuple[str, ...]) -> list[Resolved]:
    return await resolve(family.domain, family.kinds, tuple(f"{name}@{version}" for version in versions))


async def _carry_out(family: Family, name: str, to: str, command: MovePointer, *, allow_missing: bool) -> Moved:
    """Move a pointer to where `to` says. Raises NotFound, also for what the version refers to and is not there."""
    async with connected() as client:
        catalog = await catalog_of(client)
        version = catalog.resolve(family.kinds, f"{name}@{to}")
        missing = [] if allow_missing else dangling(catalog, version.kind, version.spec)
        if missing:
            raise NotFound("reference_not_found", f"{version}: {'; '.join(missing)}; see --allow-missing")
        command = msgspec.structs.replace(command, version=version.version)
        return await changes.move(client, family.domain, name, command, WAIT_S)


async def _roll_back(
    family: Family, name: str, pointer: str, to: str | None, reason: str, *, allow_missing: bool
) -> Moved:
    way = changes.way_of(await _read_history(family, name), pointer)
    if to is None and len(way) == 1:
        raise NotFound("pointer_not_found", f"there is no step back from {way[0]}; name a version with --to")
    command = MovePointer(pointer=pointer, version=0, expected=way[-1], actor=actor(), reason=reason)
    return await _carry_out(family, name, to or str(way[-2]), command, allow_missing=allow_missing)


def _tell(name: str, moved: Moved, *, as_json: bool) -> None:
    event = moved.event
    if as_json:
        print_json({"name": name, **plain(event), "routers": moved.routers, "ms": round(moved.ms, 1)})
        return
    console = Console(highlight=False)
    if event.previous == event.version:
        console.print(f"{name}: {event.pointer} stood at {event.version} already")
        return
    where = "new" if event.previous is None else f"{event.previous}"
    console.print(f"[green]✓[/] {name}: {event.pointer} {where} → {event.version}")
    plural = "s" * (moved.routers != 1)
    console.print(
        f"{moved.routers} router{plural} switched in {moved.ms:.0f} ms; runs in flight stay as they are pinned"
    )


def _told(event: Event) -> tuple[str, str, str]:
    """Who, what and why."""
    match event:
        case VersionCreated(version=version, kind=kind):
            what = f"version {version} of this {kind} created"
        case VersionReused(version=version):
            what = f"the same content as version {version}; no version made"
        case PointerMoved(pointer=pointer, version=version, previous=None):
            what = f"{pointer} set to {version}"
        case PointerMoved(pointer=pointer, version=version, previous=previous):
            what = f"{pointer} {previous} → {version}"
        case ChangeRefused(command=command, code=code, message=message):
            what = f"[red]refused[/]: {quoted(command)}: {quoted(message)} ({code})"
        case _:
            what = event.NAME
    return quoted(getattr(event, "actor", None) or ""), what, quoted(getattr(event, "reason", None) or "")


def _row(seen: Seen) -> Mapping[str, Any]:
    return {"place": seen.place, **(plain(seen.event) if seen.event else {"fault": seen.fault})}


def _text(version: Resolved) -> list[str]:
    """A spec as YAML lines; texts of several lines stay readable."""
    return yaml.dump(json.loads(json.dumps(version.spec)), Dumper=_Readable, allow_unicode=True, width=120).splitlines()


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _represent_text)
