"""The rules for erasing a stored body: it is ordered, then destroyed; digest and history stay. Pure."""

import json
from collections.abc import Iterator, Sequence

import msgspec

from headrace.event import Event
from headrace.events import resource
from headrace.resource.state import ERASED, ERASING, Refusal, State, refuse
from headrace.resource.versions import holders

RETRY_MS = 300_000
"""Until a body is tried again that the store has refused to destroy, and the longest while it does not answer."""
AWAY_MS = 15_000
"""The shortest while the store does not answer; the wait grows with the time since it did."""
AWAY = "store_unavailable"
"""The code of a failure that is not about one body: the store does not answer."""


def order(state: State, command: resource.EraseBody, now: int) -> Sequence[Event]:
    """ErasureOrdered for every version with that body, unless something holds one of them."""
    digest = body_digest(state, command.version)
    versions = tuple(sharing(state, digest)) if digest else ()
    if refusal := _refusal(state, command.version, versions):
        return [refuse(command, now, *refusal)]
    assert digest is not None
    who = {"actor": command.actor, "reason": command.reason}
    return [resource.ErasureOrdered(at=now, versions=versions, digest=digest, **who)]


def ordered(state: State, event: resource.ErasureOrdered) -> State:
    """No new run may use those versions; the body is destroyed when this is in the log: not in the same batch."""
    return msgspec.structs.replace(state.with_status(event.versions, ERASING), due=event.at + 1)


def erased(state: State, event: resource.BodyErased) -> State:
    """The body of those versions is gone; another one may be waiting."""
    left = {digest: failed for digest, failed in state.undestroyed.items() if digest != event.digest}
    after = msgspec.structs.replace(state.with_status(event.versions, ERASED), undestroyed=left)
    return msgspec.structs.replace(after, due=event.at + 1 if _untried(after) else next_try(after, event.at))


def delayed(state: State, event: resource.BodyUnusable) -> State:
    """The same, to be tried later, if what could not be used is a body that is to be destroyed."""
    if event.run or event.digest not in _waiting(state):
        return state
    after = msgspec.structs.replace(state, undestroyed={**state.undestroyed, event.digest: event})
    at_once = event.code != AWAY and _untried(after)
    return msgspec.structs.replace(after, due=event.at + 1 if at_once else next_try(after, event.at))


def is_known(state: State, digest: str, code: str) -> bool:
    """Whether the log says already that this body can't be destroyed, and why."""
    failed = state.undestroyed.get(digest)
    return failed is not None and failed.code == code


def next_try(state: State, now: int) -> int | None:
    """When to try again what could not be destroyed: while the store is away, after as long as it has been so far.

    Several take turns, so that each is tried once in RETRY_MS.
    """
    if not state.undestroyed:
        return None
    waits = (_wait(failed, now) for failed in state.undestroyed.values())
    return now + max(1, min([*waits, RETRY_MS // len(state.undestroyed)]))


def next_digest(state: State, now: int) -> str | None:
    """The body that is to be destroyed now: one that was not tried yet, or else whose turn it is."""
    if untried := _untried(state):
        return untried[0]
    waiting = _waiting(state)
    return waiting[now * len(waiting) // RETRY_MS % len(waiting)] if waiting else None


def _wait(failed: resource.BodyUnusable, now: int) -> int:
    return min(max(now - failed.at, AWAY_MS), RETRY_MS) if failed.code == AWAY else RETRY_MS


def _untried(state: State) -> Sequence[str]:
    return [digest for digest in _waiting(state) if digest not in state.undestroyed]


def _waiting(state: State) -> Sequence[str]:
    """The bodies that are to be destroyed, by their first version."""
    found = (number for number, version in state.versions.items() if version.status == ERASING)
    return list(dict.fromkeys(filter(None, (body_digest(state, number) for number in found))))


def body_digest(state: State, version: int) -> str | None:
    """SHA-256 of a version's stored body; None if it has none, or does not exist."""
    found = state.versions.get(version)
    body = json.loads(found.spec).get("body") if found else None
    return body["sha256"] if body else None


def sharing(state: State, digest: str) -> Iterator[int]:
    """The versions that have this body."""
    return (number for number in state.versions if body_digest(state, number) == digest)


def _refusal(state: State, version: int, versions: Sequence[int]) -> Refusal | None:
    found = state.versions.get(version)
    if found is None:
        return "version_not_found", f"{state.name} has versions 1 to {state.latest}, no {version}"
    if found.status in {ERASING, ERASED}:
        return f"version_{found.status}", f"{state.name}@{version} is {found.status} already"
    if not versions:
        return "not_stored", f"the body of {state.name}@{version} stands in its spec, which stays in the log for ever"
    if held := "; ".join(f"{state.name}@{one}: {held}" for one in versions for held in holders(state, one)):
        return "version_in_use", f"this body is in use ({held}); move the pointer first"
    return None
