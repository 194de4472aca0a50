"""The rules for pointers: they move to a version, or split their traffic between several. Pure."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from headrace.event import Event
from headrace.events import resource
from headrace.resource.naming import pointer_fault
from headrace.resource.splits import Standing
from headrace.resource.state import Refusal, State, refuse, usable

MOST_SHARES = 10

V = TypeVar("V")


def move(state: State, command: resource.MovePointer, now: int) -> Sequence[Event]:
    """The pointer moves, or its move is proposed when it is protected."""
    if refusal := move_refusal(state, command):
        return [refuse(command, now, *refusal)]
    return [changed(state, command, now)]


def changed(state: State, command: resource.MovePointer, now: int) -> Event:
    """What an accepted move leads to; of a protected pointer a proposal."""
    if command.pointer not in state.protected:
        return moved_event(state, command, now)
    return resource.ChangeProposed(
        at=now,
        pointer=command.pointer,
        version=command.version,
        split=command.split,
        previous=state.pointers.get(command.pointer),
        actor=command.actor,
        reason=command.reason,
        previous_split=state.splits.get(command.pointer, ()),
        replaces=state.proposals.get(command.pointer),
    )


def moved_event(
    state: State, command: resource.MovePointer, now: int, approved_by: str | None = None
) -> resource.PointerMoved:
    """The move of a pointer from where it stands."""
    return resource.PointerMoved(
        at=now,
        pointer=command.pointer,
        version=command.version,
        previous=state.pointers.get(command.pointer),
        actor=command.actor,
        reason=command.reason,
        split=command.split,
        approved_by=approved_by,
        previous_split=state.splits.get(command.pointer, ()),
    )


def moved(state: State, event: resource.PointerMoved) -> State:
    """The state with the pointer there; a split ends, and nothing waits for it any more."""
    splits = without(state.splits, event.pointer)
    return msgspec.structs.replace(
        state,
        pointers={**state.pointers, event.pointer: event.version},
        splits={**splits, event.pointer: event.split} if event.split else splits,
        proposals=without(state.proposals, event.pointer),
    )


def move_refusal(state: State, command: resource.MovePointer) -> Refusal | None:
    """Why a pointer can't move so, or None."""
    return (
        pointer_refusal(state, command.pointer)
        or usable(state, command.version)
        or _split_refusal(state, command)
        or _conflict(state, command)
        or nobody(state, command.pointer, command.actor)
    )


def standing(state: State, pointer: str) -> Standing | None:
    """Where a pointer stands; None when there is no such pointer."""
    version = state.pointers.get(pointer)
    return None if version is None else Standing(version, state.splits.get(pointer, ()))


def pointer_refusal(state: State, pointer: str) -> Refusal | None:
    """Why nothing can be done to a pointer of this name, or None."""
    if not state.versions:
        return "not_found", f"nothing is named {state.name}"
    if reason := pointer_fault(pointer):
        return "pointer_invalid", reason
    return None


def nobody(state: State, pointer: str, actor: str | None) -> Refusal | None:
    """Why nobody could ever approve of a change: it does not say who asks for it."""
    if pointer not in state.protected or (actor and actor.strip()):
        return None
    return "actor_missing", f"{pointer} is protected: a second actor must approve, so say in `actor` who the first is"


def without(mapping: Mapping[str, V], key: str) -> dict[str, V]:
    """A mapping less one key."""
    return {name: value for name, value in mapping.items() if name != key}


def _split_refusal(state: State, command: resource.MovePointer) -> Refusal | None:
    if not command.split:
        return None
    if fault := _split_fault(command):
        return "split_invalid", fault
    return next(filter(None, (usable(state, share.version) for share in command.split)), None)


def _split_fault(command: resource.MovePointer) -> str:
    versions = [share.version for share in command.split]
    if not 2 <= len(versions) <= MOST_SHARES:
        return f"a split has 2 to {MOST_SHARES} shares, this one has {len(versions)}"
    if len({*versions}) < len(versions):
        return "a split names each version once; add up the weights of one that is named twice"
    if any(share.weight < 1 for share in command.split):
        return "each share of a split has a weight of 1 or more; leave out a version that gets nothing"
    if command.version not in versions:
        return f"version {command.version}, which the pointer is to stand on, has no share of the split"
    if command.version != versions[0]:
        return (
            f"version {command.version}, which the pointer is to stand on, must be the first share; it is {versions[0]}"
        )
    return ""


def _conflict(state: State, command: resource.MovePointer) -> Refusal | None:
    if command.expected is None and command.expected_split:
        first = command.expected_split[0].version
        why = f"`expected_split` says nothing without `expected`: write there the version of its first share, {first}"
        return "expected_invalid", why
    if command.expected is None:
        return None
    expected = Standing(command.expected, command.expected_split)
    stands = standing(state, command.pointer)
    if expected == stands:
        return None
    where = "does not exist yet" if stands is None else f"stands at {stands}"
    return "pointer_conflict", f"{command.pointer} {where}, not at {expected}; look again, then decide"
