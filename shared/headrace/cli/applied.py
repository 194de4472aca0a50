"""Say what became of each resource that was applied, and why a pointer stayed where it is."""

from collections.abc import Sequence

from rich.console import Console

from headrace.apply import Applied
from headrace.changes import last_moves, waiting_proposals
from headrace.cli.families import FAMILIES
from headrace.cli.hops import clock
from headrace.cli.telling import waiting
from headrace.cli.text import quoted
from headrace.client import Client
from headrace.events.resource import PointerMoved
from headrace.resource.splits import Standing
from headrace.seen import Seen
from headrace.topics import DOMAINS


async def kept_explained(client: Client, answers: Sequence[Applied], pointer: str) -> list[Applied]:
    """The same answers; those whose pointer was kept say since when it stands where it does, by whom and why.

    One whose version waits for approval already is proposed, not kept.
    """
    kept = [one for one in answers if _kept(one)]
    logs = {family: await _changes(client, family, kept) for family in {_family(one) for one in kept}}
    return [_explained(one, logs[_family(one)], pointer) if _kept(one) else one for one in answers]


def tell_applied(console: Console, one: Applied, pointer: str) -> None:
    """A line for a resource or a refusal; for documents that were taken in none."""
    if one.kind != "Document" or one.outcome == "refused":
        console.print(_line(one, pointer), highlight=False, soft_wrap=True)


def _kept(one: Applied) -> bool:
    return one.outcome == "kept"


def _family(one: Applied) -> str:
    return next(name for name, family in FAMILIES.items() if one.kind in family.kinds)


async def _changes(client: Client, family: str, kept: Sequence[Applied]) -> list[Seen]:
    names = {one.name for one in kept if _family(one) == family}
    return [seen async for seen in client.read(DOMAINS[family].events, keys=names)]


def _explained(one: Applied, log: Sequence[Seen], pointer: str) -> Applied:
    waits = waiting_proposals(log, pointer).get(one.name)
    if waits and waits.version == one.version and not waits.split:
        return one._replace(outcome="proposed", proposer=waits.actor)
    moved = last_moves(log, pointer).get(one.name)
    return one if moved is None else one._replace(message=_why(moved))


def _why(moved: PointerMoved) -> str:
    """Where a pointer stands, since when, by whom and why."""
    here = Standing(moved.version, moved.split)
    why = f": {moved.reason}" if moved.reason else ""
    return f"{moved.pointer} stays at {here}, set by {moved.actor or 'unknown'} on {clock(moved.at)}{why}"


def _line(one: Applied, pointer: str) -> str:
    match one.outcome:
        case "refused":
            return f"[red]✗[/] {one.kind} {one.name} refused: {quoted(one.message)}"
        case "proposed":
            wait = waiting(_family(one), one.name, pointer, Standing(one.version or 0), one.proposer)
            return f"[green]✓[/] {one.kind} {one.name}@{one.version} is there\n{wait}"
        case "kept":
            move = f"headrace {_family(one)} move {one.name} v{one.version} --pointer {pointer}"
            return (
                f"[yellow]![/] {one.kind} {one.name}@{one.version} is there already, and moves no pointer\n"
                f"  {quoted(one.message)}\n  to move it: {move}, or apply with --move"
            )
    way = f", {one.message}" if one.message else ""
    return f"[green]✓[/] {one.kind} {one.name}@{one.version} {one.outcome}{way}"
