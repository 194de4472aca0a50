"""The rules for pausing a workflow: its runs are held between two nodes until it is resumed. Pure."""

from collections.abc import Sequence

import msgspec

from headrace.event import Event
from headrace.events import resource
from headrace.resource.state import Refusal, State, refuse

KIND = "Workflow"
"""The only kind that has runs to be held."""


def pause(state: State, command: resource.PauseWorkflow, now: int) -> Sequence[Event]:
    """WorkflowPaused, unless it is no workflow or paused already."""
    if refusal := _kind_refusal(state) or _paused_already(state):
        return [refuse(command, now, *refusal)]
    return [resource.WorkflowPaused(at=now, actor=command.actor, reason=command.reason)]


def resume(state: State, command: resource.ResumeWorkflow, now: int) -> Sequence[Event]:
    """WorkflowResumed, unless it is no workflow or not paused."""
    if refusal := _kind_refusal(state) or _not_paused(state):
        return [refuse(command, now, *refusal)]
    return [resource.WorkflowResumed(at=now, actor=command.actor, reason=command.reason)]


def paused(state: State, event: resource.WorkflowPaused) -> State:
    """The state that says since when, by whom and why."""
    held = resource.Paused(at=event.at, actor=event.actor, reason=event.reason)
    return msgspec.structs.replace(state, paused=held)


def resumed(state: State, _: resource.WorkflowResumed) -> State:
    """The state in which runs go on."""
    return msgspec.structs.replace(state, paused=None)


def _kind_refusal(state: State) -> Refusal | None:
    if not state.versions:
        return "not_found", f"nothing is named {state.name}"
    if state.kind != KIND:
        return "not_pausable", f"{state.name} is a {state.kind}; only a {KIND} has runs that can be paused"
    return None


def _paused_already(state: State) -> Refusal | None:
    if state.paused is None:
        return None
    by = state.paused.actor or "unknown"
    why = f": {state.paused.reason}" if state.paused.reason else ""
    return "paused_already", f"{state.name} was paused before, by {by}{why}; resume it to let its runs go on"


def _not_paused(state: State) -> Refusal | None:
    return None if state.paused else ("not_paused", f"{state.name} is not paused; its runs go on as they are")
