"""Say what a change of a resource led to."""

import sys
from typing import Any

from rich.console import Console

from headrace.changes import RULED_AT_HOME, Changed, stays
from headrace.cli.hops import clock
from headrace.cli.session import PROPOSED, plain, print_json
from headrace.cli.text import quoted
from headrace.event import Event
from headrace.events.resource import (
    ChangeProposed,
    PointerMoved,
    PointerProtected,
    VersionRetired,
    WorkflowPaused,
    WorkflowResumed,
)
from headrace.resource.splits import Standing


def tell(family: str, name: str, changed: Changed, *, as_json: bool) -> None:
    """Print what happened, or what waits and how it goes on; that nothing happened yet is an exit code, too."""
    if as_json:
        print_json({"name": name, **plain(changed.event), **_reach(changed)})
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(_said(family, name, changed.event))
        if not isinstance(changed.event, RULED_AT_HOME) and not _stays(changed.event):
            console.print(_applied(family, changed))
    if isinstance(changed.event, ChangeProposed):
        sys.exit(PROPOSED)


def waiting(
    family: str,
    name: str,
    pointer: str,
    to: Standing | None,
    proposer: str | None,
    *,
    stands: Standing | None = None,
    instead: str = "",
) -> str:
    """What must happen before a proposal is more than that. to: None when the pointer's protection is to be lifted.

    stands: where the pointer stands until then, if that is known. instead: whose place the proposal takes.
    """
    way = f"to {to}" if stands is None else f"{stands} → {to}"
    change = "its protection is lifted" if to is None else f"it moves {way}"
    named = "--unprotect" if to is None else f"--version {to.version}"
    told = f"  it {instead}\n" if instead else ""
    return (
        f"[yellow]…[/] {name}: {pointer} is protected: before {change}, somebody else than "
        f"{quoted(proposer or 'you')} must approve:\n{told}"
        f"  headrace {family} approve {name} --pointer {pointer} {named}"
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
            return _proposed(family, name, event)
        case PointerMoved():
            return _moved(name, event)
        case PointerProtected():
            return _protected(name, event)
    return _done(name, event)


def _done(name: str, event: Event) -> str:
    match event:
        case VersionRetired(version=version):
            return f"[green]✓[/] {name}@{version} is retired: no new run uses it"
        case WorkflowPaused():
            return f"[green]✓[/] {name} is paused: its runs start no further node; what is under way goes on"
        case WorkflowResumed():
            return f"[green]✓[/] {name} is resumed: its runs go on"
    return f"[green]✓[/] {name}: {type(event).__name__}"


def _proposed(family: str, name: str, event: ChangeProposed) -> str:
    to = None if event.version is None else Standing(event.version, event.split)
    stands = None if event.previous is None else Standing(event.previous, event.previous_split)
    return waiting(family, name, event.pointer, to, event.actor, stands=stands, instead=replaced(event))


def _stays(event: Event) -> bool:
    return isinstance(event, PointerMoved) and stays(event)


def _moved(name: str, event: PointerMoved) -> str:
    if stays(event):
        traffic = "" if event.split else ", with all its traffic"
        return f"{name}: {event.pointer} stands at {_standing(event)} already{traffic}; nothing was changed"
    return f"[green]✓[/] {name}: {way_told(event)}{_approved(event.approved_by)}"


def _protected(name: str, event: PointerProtected) -> str:
    if event.protected:
        return f"[green]✓[/] {name}: {event.pointer} is protected: from now on a second actor must approve of each move"
    return f"[green]✓[/] {name}: {event.pointer} is not protected{_approved(event.approved_by)}"


def _applied(family: str, changed: Changed) -> str:
    if family == "budget":
        return f"every worker has applied it after {changed.ms:.0f} ms: it holds from the next call on"
    switched = f"{changed.routers} router{'s' * (changed.routers != 1)} switched in {changed.ms:.0f} ms"
    if isinstance(changed.event, WorkflowPaused | WorkflowResumed):
        return switched
    return f"{switched}; runs in flight stay as they are pinned"


def _reach(changed: Changed) -> dict[str, Any]:
    if isinstance(changed.event, RULED_AT_HOME):
        return {}
    return {"routers": changed.routers, "ms": round(changed.ms, 1)}


def _approved(approved_by: str | None) -> str:
    return f", approved by {quoted(approved_by)}" if approved_by else ""


def _standing(event: PointerMoved | ChangeProposed) -> str:
    return str(Standing(event.version or 0, event.split))
