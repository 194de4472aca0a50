"""Resources as their users see them: references resolved to versions, from the entries of the state topics."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.fault import did_you_mean
from headrace.resource.naming import LATEST, REFERENCE, VERSION

DEFAULT_POINTER = "production"
LONGEST_REFERENCE = 127
"""Characters: a name and a pointer have at most 63 each."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One version of a resource; `ref` is what was asked for."""

    kind: str
    ref: str
    name: str
    version: int
    digest: str
    spec: Mapping[str, Any]

    def __str__(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class Resolver(Protocol):
    """What turns references into versions."""

    def resolve(self, kinds: tuple[str, ...], ref: str) -> Resolved:
        """The version that `name`, `name@7`, `name@production` or `name@latest` means now. Raises NotFound."""


class Catalog:
    """A Resolver over tables, by kind of resource."""

    def __init__(self, entries: Mapping[str, Mapping[str, Event]]) -> None:
        self._entries = entries
        self._specs: dict[str, Mapping[str, Any]] = {}

    def resolve(self, kinds: tuple[str, ...], ref: str) -> Resolved:
        """The version that a reference means now; a bare name means name@production. Raises NotFound."""
        if len(ref) > LONGEST_REFERENCE or not REFERENCE.fullmatch(ref):
            hint = "write name, name@7, name@production or name@latest"
            raise NotFound(f"{_code(kinds[-1])}_not_found", f"{ref!r:.80} is no reference: {hint}")
        name, _, wanted = ref.partition("@")
        kind, head = self._head(kinds, name)
        version = _version(kind, name, head, wanted or DEFAULT_POINTER)
        found = self._entries[kind].get(f"{name}/{version}")
        if not isinstance(found, ResourceVersion):
            known = f"{name} has versions 1 to {head.latest}"
            raise NotFound(f"{_code(kind)}_version_not_found", f"no version {version} of {kind} {name}: {known}")
        return Resolved(kind, ref, name, version, found.digest, self._spec(found))

    def _head(self, kinds: tuple[str, ...], name: str) -> tuple[str, ResourceHead]:
        for kind in kinds:
            head = self._entries[kind].get(name)
            if isinstance(head, ResourceHead) and head.kind in kinds:
                return head.kind, head
        names = {key for kind in kinds for key, head in self._entries[kind].items() if _is_head(head, kinds)}
        hint = did_you_mean(name, names) or "none exists yet"
        raise NotFound(f"{_code(kinds[-1])}_not_found", f"no {' or '.join(kinds)} is named {name!r:.80} ({hint})")

    def _spec(self, found: ResourceVersion) -> Mapping[str, Any]:
        if found.digest not in self._specs:
            self._specs[found.digest] = json.loads(found.spec)
        return self._specs[found.digest]


def _version(kind: str, name: str, head: ResourceHead, wanted: str) -> int:
    if number := VERSION.fullmatch(wanted):
        return int(number[1])
    if wanted == LATEST:
        return head.latest
    if wanted in head.pointers:
        return head.pointers[wanted]
    known = ", ".join(sorted(head.pointers)) or "none"
    message = f"{kind} {name} has no pointer {wanted!r:.80} (its pointers: {known}); name one, or a version"
    raise NotFound(f"{_code(kind)}_pointer_not_found", message)


def _is_head(entry: Event, kinds: tuple[str, ...]) -> bool:
    return isinstance(entry, ResourceHead) and entry.kind in kinds


def _code(kind: str) -> str:
    return "model" if kind == "ModelAlias" else kind.lower()
