"""A resource: immutable versions, numbered and content-addressed, and pointers to them. Pure.

versions.py   a version is made, or retired
pointers.py   a pointer moves, or splits its traffic
approvals.py  a protected pointer waits for a second actor
pausing.py    a workflow's runs are held, or go on
erasure.py    a stored body is destroyed
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.event import Event
from headrace.events import resource
from headrace.resource import approvals, erasure, pausing, pointers, versions
from headrace.resource.content import Check
from headrace.resource.state import State


def decide(state: State, command: Event, now: int, check: Check) -> Sequence[Event]:
    """What a command leads to; a refusal is an event as well."""
    if isinstance(command, resource.CreateVersion):
        return versions.create(state, command, now, check)
    rule = _DECIDE.get(type(command))
    if rule is None:
        raise TypeError(f"{type(command).__name__} is no command for a resource")
    return rule(state, command, now)


_DECIDE: Mapping[type[Event], Callable[[State, Any, int], Sequence[Event]]] = {
    resource.RetireVersion: versions.retire,
    resource.MovePointer: pointers.move,
    resource.ProtectPointer: approvals.protect,
    resource.ApproveChange: approvals.approve,
    resource.PauseWorkflow: pausing.pause,
    resource.ResumeWorkflow: pausing.resume,
    resource.EraseBody: erasure.order,
}
_EVOLVE: Mapping[type[Event], Callable[[State, Any], State]] = {
    resource.VersionCreated: versions.created,
    resource.VersionRetired: versions.retired,
    resource.PointerMoved: pointers.moved,
    resource.PointerProtected: approvals.protected,
    resource.ChangeProposed: approvals.proposed,
    resource.WorkflowPaused: pausing.paused,
    resource.WorkflowResumed: pausing.resumed,
    resource.ErasureOrdered: erasure.ordered,
    resource.BodyErased: erasure.erased,
    resource.BodyUnusable: erasure.delayed,
}


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    after = _EVOLVE.get(type(event))
    return after(state, event) if after else state
