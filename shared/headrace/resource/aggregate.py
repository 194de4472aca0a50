"""A resource: immutable versions, numbered and content-addressed, and pointers to them. Pure.

versions.py   a version is made, or retired
pointers.py   a pointer moves, or splits its traffic
approvals.py  a protected pointer waits for a second actor
"""

from collections.abc import Sequence

from headrace.event import Event
from headrace.events import resource
from headrace.resource import approvals, pointers, versions
from headrace.resource.content import Check
from headrace.resource.state import State


def decide(state: State, command: Event, now: int, check: Check) -> Sequence[Event]:
    """What a command leads to; a refusal is an event as well."""
    match command:
        case resource.CreateVersion():
            return versions.create(state, command, now, check)
        case resource.RetireVersion():
            return versions.retire(state, command, now)
        case resource.MovePointer():
            return pointers.move(state, command, now)
        case resource.ProtectPointer():
            return approvals.protect(state, command, now)
        case resource.ApproveChange():
            return approvals.approve(state, command, now)
    raise TypeError(f"{type(command).__name__} is no command for a resource")


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case resource.VersionCreated():
            return versions.created(state, event)
        case resource.VersionRetired():
            return versions.retired(state, event)
        case resource.PointerMoved():
            return pointers.moved(state, event)
        case resource.PointerProtected():
            return approvals.protected(state, event)
        case resource.ChangeProposed():
            return approvals.proposed(state, event)
    return state
