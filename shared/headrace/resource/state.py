"""What exists under one name, and how a command about it is refused. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from headrace.event import Event
from headrace.events.resource import BodyUnusable, ChangeRefused, Paused, Proposal, ResourceVersion, Share

ACTIVE, RETIRED, ERASING, ERASED = "active", "retired", "erasing", "erased"
"""Status of a version; only an active one may be used by new runs."""

Refusal = tuple[str, str]
"""A stable code, and what was wrong in words."""


class State(msgspec.Struct, frozen=True):
    """What exists under one name. `kind` is empty until the first version.

    versions: by number. pointers: the version on which each stands; splits: those that several versions share.
    proposals: what waits for a second actor, by protected pointer. paused: since when a workflow's runs are held.
    due: when a body that is to be erased is destroyed, epoch milliseconds; undestroyed: since when and why that fails,
    by the body's digest.
    """

    name: str
    kind: str = ""
    versions: Mapping[int, ResourceVersion] = {}
    pointers: Mapping[str, int] = {}
    splits: Mapping[str, tuple[Share, ...]] = {}
    protected: tuple[str, ...] = ()
    proposals: Mapping[str, Proposal] = {}
    paused: Paused | None = None
    due: int | None = None
    undestroyed: Mapping[str, BodyUnusable] = {}

    @property
    def latest(self) -> int:
        """The newest version, retired or not; 0 when there is none."""
        return max(self.versions, default=0)

    def version_of(self, digest: str) -> int | None:
        """The version that has this content."""
        return next((number for number, version in self.versions.items() if version.digest == digest), None)

    def with_status(self, numbers: Iterable[int], status: str) -> "State":
        """The same with another status of these versions."""
        changed = {number: msgspec.structs.replace(self.versions[number], status=status) for number in numbers}
        return msgspec.structs.replace(self, versions={**self.versions, **changed})


def usable(state: State, version: int) -> Refusal | None:
    """Why a version can't be chosen, or None."""
    if version not in state.versions:
        return "version_not_found", f"{state.name} has versions 1 to {state.latest}, no {version}"
    status = state.versions[version].status
    if status != ACTIVE:
        return f"version_{status}", f"{state.name}@{version} is {status}; choose another version"
    return None


def refuse(command: Event, now: int, code: str, message: str) -> ChangeRefused:
    """The event that says no."""
    actor, reason = getattr(command, "actor", None), getattr(command, "reason", None)
    name = type(command).__name__
    return ChangeRefused(at=now, command=name, code=code, message=message, actor=actor, reason=reason)
