"""A resource: immutable versions, numbered and content-addressed, and pointers to them. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from headrace.event import Event
from headrace.events import resource
from headrace.fault import Fault

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
POINTER = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
VERSION = re.compile(r"v?([1-9][0-9]*)")
"""A version as people write it: `7` or `v7`. No pointer may look so."""
REFERENCE = re.compile(rf"{NAME.pattern}(@({VERSION.pattern}|{POINTER.pattern}))?")
"""A version of a resource: `name`, `name@7`, `name@v7`, `name@production`, `name@latest`."""
LATEST = "latest"
LARGEST_SPEC = 262_144
"""Bytes of the largest spec."""
DEEPEST = 64
"""Levels of lists and objects in a spec."""

Check = Callable[[str, Mapping[str, Any]], Sequence[Fault]]
"""What is wrong with a spec of a kind."""


class State(msgspec.Struct, frozen=True):
    """What exists under one name. `versions`: digest by number; `kind` is empty until the first version."""

    name: str
    kind: str = ""
    versions: Mapping[int, str] = {}
    pointers: Mapping[str, int] = {}

    @property
    def latest(self) -> int:
        """The newest version; 0 when there is none."""
        return max(self.versions, default=0)

    def version_of(self, digest: str) -> int | None:
        """The version that has this content."""
        return next((version for version, found in self.versions.items() if found == digest), None)


def canonical(spec: Any) -> str:
    """JSON text that is equal for equal content: sorted keys, no white space, as RFC 8785 orders it for our values."""
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def depth_of(value: Any) -> int:
    """How deep lists and objects are nested in a value; 0 for a plain one."""
    depth, level = 0, [value]
    while level := [item for outer in level for item in _items(outer)]:
        depth += 1
    return depth


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def digest_of(text: str) -> str:
    """SHA-256 of a canonical spec, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def decide(state: State, command: Event, now: int, check: Check) -> Sequence[Event]:
    """What a command leads to; a refusal is an event as well."""
    match command:
        case resource.CreateVersion():
            return _create(state, command, now, check)
        case resource.MovePointer():
            refusal = _move_refusal(state, command)
            return [refuse(command, now, *refusal) if refusal else _moved(state, command, now)]
    raise TypeError(f"{type(command).__name__} is no command for a resource")


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case resource.VersionCreated():
            versions = {**state.versions, event.version: event.digest}
            return msgspec.structs.replace(state, kind=event.kind, versions=versions)
        case resource.PointerMoved():
            return msgspec.structs.replace(state, pointers={**state.pointers, event.pointer: event.version})
    return state


def refuse(command: Event, now: int, code: str, message: str) -> resource.ChangeRefused:
    """The event that says no."""
    actor, reason = getattr(command, "actor", None), getattr(command, "reason", None)
    name = type(command).__name__
    return resource.ChangeRefused(at=now, command=name, code=code, message=message, actor=actor, reason=reason)


def _create(state: State, command: resource.CreateVersion, now: int, check: Check) -> Sequence[Event]:
    if refusal := _create_refusal(state, command):
        return [refuse(command, now, *refusal)]
    try:
        text = _checked(command, check)
    except ValueError as error:
        return [refuse(command, now, "spec_invalid", str(error))]
    digest = digest_of(text)
    known = state.version_of(digest)
    version = known or state.latest + 1
    who: dict[str, Any] = {"actor": command.actor, "reason": command.reason}
    made: Event = (
        resource.VersionReused(at=now, version=version, digest=digest, **who)
        if known
        else resource.VersionCreated(at=now, kind=command.kind, version=version, digest=digest, spec=text, **who)
    )
    if command.pointer is None or state.pointers.get(command.pointer) == version:
        return [made]
    moved = _moved(state, resource.MovePointer(pointer=command.pointer, version=version, **who), now)
    # Whoever waits can tell the last event: a new version's is the move, known content's is VersionReused.
    return [moved, made] if known else [made, moved]


def _create_refusal(state: State, command: resource.CreateVersion) -> tuple[str, str] | None:
    if not NAME.fullmatch(state.name):
        return "name_invalid", f"{state.name!r:.80} is no name: 1-63 of a-z, 0-9 and -, not at its ends"
    if state.kind and state.kind != command.kind:
        return "kind_mismatch", f"{state.name} is a {state.kind}, not a {command.kind}; take another name"
    if command.pointer is not None and (reason := _pointer_fault(command.pointer)):
        return "pointer_invalid", reason
    return None


def _checked(command: resource.CreateVersion, check: Check) -> str:
    """The canonical text of a command's spec. Raises ValueError, which says what is wrong with it."""
    size = len(command.spec.encode())
    if size > LARGEST_SPEC:
        raise ValueError(f"a spec has at most {LARGEST_SPEC} bytes, this one has {size}")
    try:
        spec = json.loads(command.spec, parse_constant=_no_constant)
        text = canonical(spec)
        text.encode()
    except (ValueError, RecursionError) as error:  # lone surrogates and numbers without bound are JSON, but no value
        raise ValueError(f"the spec is not JSON that we can keep: {error}") from error
    if "\\u0000" in text.replace("\\\\", ""):  # Postgres takes none
        raise ValueError("the spec is not JSON that we can keep: U+0000 can't be part of a text")
    if not isinstance(spec, dict):
        raise ValueError("the spec must be a JSON object")  # noqa: TRY004  # bad data, not a programmer's mistake
    if depth_of(spec) > DEEPEST:
        raise ValueError(f"the spec is nested more than {DEEPEST} deep")
    if faults := check(command.kind, spec):
        raise ValueError("; ".join(str(fault) for fault in faults))
    return text


def _move_refusal(state: State, command: resource.MovePointer) -> tuple[str, str] | None:
    if not state.versions:
        return "not_found", f"nothing is named {state.name}"
    if reason := _pointer_fault(command.pointer):
        return "pointer_invalid", reason
    if command.version not in state.versions:
        return "version_not_found", f"{state.name} has versions 1 to {state.latest}, no {command.version}"
    stands = state.pointers.get(command.pointer)
    if command.expected is not None and command.expected != stands:
        where = "does not exist yet" if stands is None else f"stands at {stands}"
        return "pointer_conflict", f"{command.pointer} {where}, not at {command.expected}; look again, then decide"
    return None


def _pointer_fault(pointer: str) -> str:
    if pointer == LATEST:
        return f"{LATEST} is computed and can't be moved"
    if VERSION.fullmatch(pointer):
        return f"{pointer} can be taken for a version"
    return "" if POINTER.fullmatch(pointer) else f"{pointer!r:.80} is no pointer: a letter first, then a-z, 0-9 and -"


def _moved(state: State, command: resource.MovePointer, now: int) -> resource.PointerMoved:
    return resource.PointerMoved(
        at=now,
        pointer=command.pointer,
        version=command.version,
        previous=state.pointers.get(command.pointer),
        actor=command.actor,
        reason=command.reason,
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
