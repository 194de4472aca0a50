"""Say what a change of a resource led to."""

from typing import Any

from rich.console import Console

from headrace.changes import RULED_AT_HOME, Changed
from headrace.cli.hops import clock
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
        console.print(_applied(family, changed))


def waiting(family: str, name: str, event: ChangeProposed) -> str:
    """What must happen before a proposal is more than that."""
    change = "its protection is lifted" if event.version is None else f"it moves {_from_to(event)}"
    named = "--unprotect" if event.version is None else f"--version {event.version}"
    instead = f"  it {replaced(event)}\n" if event.replaces else ""
    return (
        f"[yellow]…[/] {name}: {event.pointer} is protected: before {change}, somebody else than "
        f"{quoted(event.actor or 'you')} must approve:\n{instead}"
        f"  headrace {family} approve {name} --pointer {event.pointer} {named}"
    )


def way_told(event: PointerMoved | ChangeProposed) -> str:
    """From where to where a pointer moves, each a version or the shares of a split."""
    before = "new" if event.previous is None else Standing(event.previous, event.previous_split)
    return f"{event.pointer} {before} → {_standing(event)}"


def replaced(event: ChangeProposed) -> str:
    """Which proposal this one takes the place of, and who made it when; empty when none waited."""
    old = event.replaces
    if old is None:
        return ""
    what = "unprotecting" if old.version is None else Standing(old.version, old.split)
    return f"takes the place of {what}, which {quoted(old.actor or 'unknown')} proposed at {clock(old.at)}"


def _said(family: str, name: str, event: Event) -> str:
    match event:
        case ChangeProposed():
            return waiting(family, name, event)
        case PointerMoved():
            return _moved(name, event)
        case PointerProtected():
            return _protected(name, event)
        case VersionRetired(version=version):
            return f"[green]✓[/] {name}@{version} is retired: no new run uses it"
    return f"[green]✓[/] {name}: {type(event).__name__}"


def _moved(name: str, event: PointerMoved) -> str:
    if (event.previous, event.previous_split, event.split) == (event.version, (), ()):
        return f"{name}: {event.pointer} stands at {event.version} already, with all its traffic"
    return f"[green]✓[/] {name}: {way_told(event)}{_approved(event.approved_by)}"


def _protected(name: str, event: PointerProtected) -> str:
    if event.protected:
        return f"[green]✓[/] {name}: {event.pointer} is protected: from now on a second actor must approve of each move"
    return f"[green]✓[/] {name}: {event.pointer} is not protected{_approved(event.approved_by)}"


def _applied(family: str, changed: Changed) -> str:
    if family == "budget":
        return f"every worker has applied it after {changed.ms:.0f} ms: it holds from the next call on"
    plural = "s" * (changed.routers != 1)
    return f"{changed.routers} router{plural} switched in {changed.ms:.0f} ms; runs in flight stay as they are pinned"


def _reach(changed: Changed) -> dict[str, Any]:
    if isinstance(changed.event, RULED_AT_HOME):
        return {}
    return {"routers": changed.routers, "ms": round(changed.ms, 1)}


def _approved(approved_by: str | None) -> str:
    return f", approved by {quoted(approved_by)}" if approved_by else ""


def _from_to(event: ChangeProposed) -> str:
    before = "to" if event.previous is None else f"{Standing(event.previous, event.previous_split)} →"
    return f"{before} {_standing(event)}"


def _standing(event: PointerMoved | ChangeProposed) -> str:
    return str(Standing(event.version or 0, event.split))
