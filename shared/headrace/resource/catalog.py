"""Resources as their users see them: references resolved to versions, from the entries of the state topics."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.resource import Paused, ResourceHead, ResourceVersion, Share
from headrace.fault import did_you_mean
from headrace.resource.naming import LATEST, REFERENCE, VERSION
from headrace.resource.splits import chosen
from headrace.resource.state import ACTIVE

DEFAULT_POINTER = "production"
LONGEST_REFERENCE = 127
"""Characters: a name and a pointer have at most 63 each."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One version of a resource; `ref` is what was asked for.

    split: the pointer's, if a sticky key was dealt this version of it.
    """

    kind: str
    ref: str
    name: str
    version: int
    digest: str
    spec: Mapping[str, Any]
    status: str = ACTIVE
    split: Sequence[Share] = ()

    def __str__(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class Resolver(Protocol):
    """What turns references into versions."""

    def resolve(self, kinds: tuple[str, ...], ref: str, sticky: str | None = None) -> Resolved:
        """The version that `name`, `name@7`, `name@production` or `name@latest` means now, for new runs.

        sticky: equal ones get equal versions of a pointer that splits traffic; without one the pointer's own. Raises
        NotFound, also for a version that is retired or erased.
        """

    def find(self, kinds: tuple[str, ...], ref: str, sticky: str | None = None) -> Resolved:
        """As `resolve`, whatever the version's status is. Raises NotFound."""

    def paused(self, kind: str, name: str) -> Paused | None:
        """Since when, by whom and why a workflow is paused; None when it is not, or there is none of this name.

        A look into a table, for whoever asks before each step of a run.
        """


class Catalog:
    """A Resolver over tables, by kind of resource. none: what is said where a kind has no names at all."""

    def __init__(self, entries: Mapping[str, Mapping[str, Event]], none: str = "none exists yet") -> None:
        self._entries = entries
        self._none = none
        self._specs: dict[str, Mapping[str, Any]] = {}

    def resolve(self, kinds: tuple[str, ...], ref: str, sticky: str | None = None) -> Resolved:
        """The version that a reference means for new runs; a bare name means name@production. See Resolver."""
        found = self.find(kinds, ref, sticky)
        if found.status != ACTIVE:
            message = f"{found.kind} {found} is {found.status}, no new run may use it; name another version"
            raise NotFound(f"{_code(found.kind)}_version_{found.status}", message)
        return found

    def find(self, kinds: tuple[str, ...], ref: str, sticky: str | None = None) -> Resolved:
        """As `resolve`, whatever the version's status is; see Resolver."""
        if len(ref) > LONGEST_REFERENCE or not REFERENCE.fullmatch(ref):
            hint = "write name, name@7, name@production or name@latest"
            raise NotFound(f"{_code(kinds[-1])}_not_found", f"{ref!r:.80} is no reference: {hint}")
        name, _, wanted = ref.partition("@")
        kind, head = self._head(kinds, name)
        wanted = wanted or DEFAULT_POINTER
        split = () if sticky is None else head.splits.get(wanted, ())
        version = self._version(name, head, wanted, sticky)
        found = self._entry(kind, name, version)
        if found is None:
            known = f"{name} has versions 1 to {head.latest}"
            raise NotFound(f"{_code(kind)}_version_not_found", f"no version {version} of {kind} {name}: {known}")
        return self._resolved(found, name, ref, split)

    def pinned(self, kind: str, name: str, version: int) -> Resolved:
        """A version that a run is bound to, whatever its status is by now. Raises NotFound if it never was."""
        found = self._entry(kind, name, version)
        if found is None:
            raise NotFound(f"{_code(kind)}_version_not_found", f"no version {version} of {kind} {name!r:.80}")
        return self._resolved(found, name, f"{name}@{version}")

    def paused(self, kind: str, name: str) -> Paused | None:
        """Since when, by whom and why a workflow is paused; see Resolver."""
        head = self._entries[kind].get(name)
        return head.paused if isinstance(head, ResourceHead) else None

    def _entry(self, kind: str, name: str, version: int) -> ResourceVersion | None:
        found = self._entries[kind].get(f"{name}/{version}")
        return found if isinstance(found, ResourceVersion) else None

    def _resolved(self, found: ResourceVersion, name: str, ref: str, split: Sequence[Share] = ()) -> Resolved:
        return Resolved(found.kind, ref, name, found.version, found.digest, self._spec(found), found.status, split)

    def _version(self, name: str, head: ResourceHead, wanted: str, sticky: str | None) -> int:
        if number := VERSION.fullmatch(wanted):
            return int(number[1])
        if wanted == LATEST:
            return self._newest(name, head)
        if sticky is not None and (split := head.splits.get(wanted)):
            return chosen(split, head.kind, name, wanted, sticky)
        if wanted in head.pointers:
            return head.pointers[wanted]
        known = ", ".join(sorted(head.pointers)) or "none"
        message = f"{head.kind} {name} has no pointer {wanted!r:.80} (its pointers: {known}); name one, or a version"
        raise NotFound(f"{_code(head.kind)}_pointer_not_found", message)

    def _newest(self, name: str, head: ResourceHead) -> int:
        """The newest version that new runs may use; the newest of all if there is none."""
        for version in range(head.latest, 0, -1):
            found = self._entry(head.kind, name, version)
            if found and found.status == ACTIVE:
                return version
        return head.latest

    def _head(self, kinds: tuple[str, ...], name: str) -> tuple[str, ResourceHead]:
        for kind in kinds:
            head = self._entries[kind].get(name)
            if isinstance(head, ResourceHead) and head.kind in kinds:
                return head.kind, head
        names = {key for kind in kinds for key, head in self._entries[kind].items() if _is_head(head, kinds)}
        hint = did_you_mean(name, names) or self._none
        raise NotFound(f"{_code(kinds[-1])}_not_found", f"no {' or '.join(kinds)} is named {name!r:.80} ({hint})")

    def _spec(self, found: ResourceVersion) -> Mapping[str, Any]:
        if found.digest not in self._specs:
            self._specs[found.digest] = json.loads(found.spec)
        return self._specs[found.digest]


def _is_head(entry: Event, kinds: tuple[str, ...]) -> bool:
    return isinstance(entry, ResourceHead) and entry.kind in kinds


def _code(kind: str) -> str:
    return "model" if kind == "ModelAlias" else kind.lower()
