"""The rules for versions: they are made, never changed, and retired. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from headrace.event import Event
from headrace.events import resource
from headrace.resource import pointers
from headrace.resource.content import Check, checked, digest_of
from headrace.resource.naming import NAME, pointer_fault
from headrace.resource.state import ACTIVE, RETIRED, Refusal, State, refuse, usable


def create(state: State, command: resource.CreateVersion, now: int, check: Check) -> Sequence[Event]:
    """A new version or the known one with this content, and its pointer moved, or proposed to move.

    A pointer that exists moves to known content only if the command says so: what is applied each night would undo each
    rollback.
    """
    if refusal := _create_refusal(state, command):
        return [refuse(command, now, *refusal)]
    try:
        text = checked(command.kind, command.spec, check)
    except ValueError as error:
        return [refuse(command, now, "spec_invalid", str(error))]
    known = state.version_of(digest_of(text))
    if known and (refusal := _known_refusal(state, known)):
        return [refuse(command, now, *refusal)]
    made = _made(command, now, text, known or state.latest + 1, known=bool(known))
    if command.pointer is None or _stands(state, command.pointer, made.version):
        return [made]
    if isinstance(made, resource.VersionReused) and command.pointer in state.pointers and not command.move_known:
        return [msgspec.structs.replace(made, pointer=command.pointer)]
    move = resource.MovePointer(
        pointer=command.pointer, version=made.version, actor=command.actor, reason=command.reason
    )
    changed = pointers.changed(state, move, now)
    # Whoever waits can tell the last event: a new version's is the pointer's, known content's is VersionReused.
    return [changed, made] if known else [made, changed]


def created(state: State, event: resource.VersionCreated) -> State:
    """The state with one version more."""
    version = resource.ResourceVersion(
        kind=event.kind,
        version=event.version,
        digest=event.digest,
        spec=event.spec,
        at=event.at,
        actor=event.actor,
    )
    return msgspec.structs.replace(state, kind=event.kind, versions={**state.versions, event.version: version})


def retire(state: State, command: resource.RetireVersion, now: int) -> Sequence[Event]:
    """VersionRetired, unless something holds the version."""
    if refusal := _retire_refusal(state, command.version):
        return [refuse(command, now, *refusal)]
    return [resource.VersionRetired(at=now, version=command.version, actor=command.actor, reason=command.reason)]


def retired(state: State, event: resource.VersionRetired) -> State:
    """The state with that version retired."""
    return state.with_status([event.version], RETIRED)


def holders(state: State, version: int) -> Iterator[str]:
    """What keeps a version from being retired, in words."""
    for pointer, stands in state.pointers.items():
        if stands == version:
            yield f"{pointer} stands on it"
    for pointer, split in state.splits.items():
        if state.pointers[pointer] != version and _shared(split, version):
            yield f"{pointer} gives it a share"
    for pointer, proposal in state.proposals.items():
        if proposal.version == version or _shared(proposal.split, version):
            yield f"it is proposed for {pointer}"


def _made(
    command: resource.CreateVersion, now: int, text: str, version: int, *, known: bool
) -> resource.VersionCreated | resource.VersionReused:
    who: dict[str, Any] = {"actor": command.actor, "reason": command.reason}
    digest = digest_of(text)
    if known:
        return resource.VersionReused(at=now, version=version, digest=digest, **who)
    return resource.VersionCreated(at=now, kind=command.kind, version=version, digest=digest, spec=text, **who)


def _create_refusal(state: State, command: resource.CreateVersion) -> Refusal | None:
    if not NAME.fullmatch(state.name):
        return "name_invalid", f"{state.name!r:.80} is no name: 1-63 of a-z, 0-9 and -, not at its ends"
    if state.kind and state.kind != command.kind:
        return "kind_mismatch", f"{state.name} is a {state.kind}, not a {command.kind}; take another name"
    if command.pointer is None:
        return None
    if reason := pointer_fault(command.pointer):
        return "pointer_invalid", reason
    return pointers.nobody(state, command.pointer, command.actor)


def _known_refusal(state: State, version: int) -> Refusal | None:
    status = state.versions[version].status
    if status == ACTIVE:
        return None
    return f"version_{status}", f"{state.name}@{version} has this content and is {status}; write what differs from it"


def _retire_refusal(state: State, version: int) -> Refusal | None:
    if not state.versions:
        return "not_found", f"nothing is named {state.name}"
    if refusal := usable(state, version):
        return refusal
    if held := "; ".join(holders(state, version)):
        return "version_in_use", f"{state.name}@{version} is in use: {held}; move the pointer first"
    return None


def _stands(state: State, pointer: str, version: int) -> bool:
    """Whether a pointer has all its traffic on a version already."""
    return state.pointers.get(pointer) == version and pointer not in state.splits


def _shared(split: Sequence[resource.Share], version: int) -> bool:
    return any(share.version == version for share in split)
