"""Say what a change of a resource led to."""

from typing import Any

from rich.console import Console

from headrace.changes import RULED_AT_HOME, Changed
from headrace.cli.session import plain, print_json
from headrace.cli.text import quoted
from headrace.event import Event
from headrace.events.resource import ChangeProposed, PointerMoved, PointerProtected, VersionRetired
from headrace.resource.splits import Standing


def tell(family: str, name: str, changed: Changed, *, as_json: bool) -> None:
    """Print what happened, or what waits and how it goes on."""
    if as_json:
        print_json({"name": name, **plain(changed.event), **_reach(changed)})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(_said(family, name, changed.event))
    if not isinstance(changed.event, RULED_AT_HOME):
        console.print(_applied(changed))


def waiting(family: str, name: str, pointer: str, to: Standing | None, proposer: str | None) -> str:
    """What must happen before a proposal is more than that. to: None when the pointer's protection is to be lifted."""
    change = "its protection is lifted" if to is None else f"it moves to {to}"
    named = "--unprotect" if to is None else f"--version {to.version}"
    return (
        f"[yellow]…[/] {name}: {pointer} is protected: before {change}, somebody else than "
        f"{quoted(proposer or 'you')} must approve:\n"
        f"  headrace {family} approve {name} --pointer {pointer} {named}"
    )


def _said(family: str, name: str, event: Event) -> str:
    match event:
        case ChangeProposed():
            to = None if event.version is None else Standing(event.version, event.split)
            return waiting(family, name, event.pointer, to, event.actor)
        case PointerMoved():
            return _moved(name, event)
        case PointerProtected():
            return _protected(name, event)
        case VersionRetired(version=version):
            return f"[green]✓[/] {name}@{version} is retired: no new run uses it"
    return f"[green]✓[/] {name}: {type(event).__name__}"


def _moved(name: str, event: PointerMoved) -> str:
    if event.previous == event.version and not event.split:
        return f"{name}: {event.pointer} stands at {event.version} already, with all its traffic"
    where = "new" if event.previous is None else f"{event.previous}"
    here = Standing(event.version, event.split)
    return f"[green]✓[/] {name}: {event.pointer} {where} → {here}{_approved(event.approved_by)}"


def _protected(name: str, event: PointerProtected) -> str:
    if event.protected:
        return f"[green]✓[/] {name}: {event.pointer} is protected: from now on a second actor must approve of each move"
    return f"[green]✓[/] {name}: {event.pointer} is not protected{_approved(event.approved_by)}"


def _applied(changed: Changed) -> str:
    plural = "s" * (changed.routers != 1)
    return f"{changed.routers} router{plural} switched in {changed.ms:.0f} ms; runs in flight stay as they are pinned"


def _reach(changed: Changed) -> dict[str, Any]:
    if isinstance(changed.event, RULED_AT_HOME):
        return {}
    return {"routers": changed.routers, "ms": round(changed.ms, 1)}


def _approved(approved_by: str | None) -> str:
    return f", approved by {quoted(approved_by)}" if approved_by else ""
