"""history: every change of a resource, from the log."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from headrace import changes
from headrace.cli.families import Family, Name
from headrace.cli.hops import clock
from headrace.cli.session import Json, connected, plain, print_json
from headrace.cli.telling import replaced, way_told
from headrace.cli.text import quoted
from headrace.erasures import orders_of
from headrace.event import Event
from headrace.events import resource
from headrace.resource.splits import Standing
from headrace.seen import Seen


def history_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def history(name: Name, *, as_json: Json = False) -> None:
        """Show every change, from the log: who, what, when, why; refused attempts too."""
        found = asyncio.run(read_history(family, name))
        if as_json:
            print_json([_row(seen) for seen in found])
            return
        table = Table("when", "who", "what", "why")
        orders = orders_of(found)
        for seen in found:
            told = (
                _told(seen.event, orders) if seen.event else ("", f"[red]unreadable[/]: {quoted(seen.fault or '')}", "")
            )
            table.add_row(clock(seen.at), *told)
        Console().print(table)

    return history


async def read_history(family: Family, name: str) -> list[Seen]:
    """Every change, oldest first. Raises NotFound."""
    async with connected() as client:
        return await changes.history(client, family.domain, name)


def _told(event: Event, orders: Mapping[str, resource.ErasureOrdered]) -> tuple[str, str, str]:
    """Who, what and why; of a body that is destroyed, who ordered it and why."""
    by = orders.get(event.digest, event) if isinstance(event, resource.BodyErased) else event
    who, why = quoted(getattr(by, "actor", None) or ""), quoted(getattr(by, "reason", None) or "")
    approved_by = getattr(event, "approved_by", None)
    approved = f" (approved by {quoted(approved_by)})" if approved_by else ""
    return who, WHAT[type(event)](event) + approved, why


def _reused(event: resource.VersionReused) -> str:
    stays = f"; {event.pointer} stays where it is" if event.pointer else ""
    return f"the same content as version {event.version}; no version made{stays}"


def _moved(event: resource.PointerMoved) -> str:
    if event.previous is None:
        return f"{event.pointer} set to {Standing(event.version, event.split)}"
    if changes.stays(event):
        return f"{event.pointer} stood at {Standing(event.version, event.split)} already"
    return way_told(event)


def _proposed(event: resource.ChangeProposed) -> str:
    change = f"{event.pointer} no longer protected" if event.version is None else way_told(event)
    return f"proposed: {change}" + (f"; it {replaced(event)}" if event.replaces else "")


def _listed(versions: tuple[int, ...]) -> str:
    return f"version{'s' * (len(versions) > 1)} {', '.join(map(str, versions))}"


def _unusable(event: resource.BodyUnusable) -> str:
    where = f" in run {quoted(event.run)}, node {quoted(event.node)}" if event.run else ""
    message = f"{quoted(event.message)} ({quoted(event.code)})"
    return f"[red]unusable[/]{where}: the body of version {event.version}: {message}"


WHAT: Mapping[type[Event], Callable[[Any], str]] = {
    resource.VersionCreated: lambda event: f"version {event.version} of this {quoted(event.kind)} created",
    resource.VersionReused: _reused,
    resource.VersionRetired: lambda event: f"version {event.version} retired",
    resource.PointerMoved: _moved,
    resource.PointerProtected: lambda event: f"{event.pointer} {'' if event.protected else 'no longer '}protected",
    resource.ChangeProposed: _proposed,
    resource.WorkflowPaused: lambda _: "paused",
    resource.WorkflowResumed: lambda _: "resumed",
    resource.ErasureOrdered: lambda event: f"the body of {_listed(event.versions)} is to be erased",
    resource.BodyErased: lambda event: f"the body of {_listed(event.versions)} erased",
    resource.BodyUnusable: _unusable,
    resource.ChangeRefused: lambda event: (
        f"[red]refused[/]: {quoted(event.command)}: {quoted(event.message)} ({quoted(event.code)})"
    ),
}
"""What each event of an audit trail says, in a few words."""


def _row(seen: Seen) -> Mapping[str, Any]:
    return {"place": seen.place, **(plain(seen.event) if seen.event else {"fault": seen.fault})}
