"""What is deployed now, as the state topics tell it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headrace.cli.session import connected
from headrace.client import Client
from headrace.events.document import DocumentIngested
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.links import Collections
from headrace.resource.catalog import Catalog, Resolved
from headrace.resource.files import Resource
from headrace.seen import Seen
from headrace.topics import DOCUMENT_EVENTS, DOMAINS, Domain, Topic


async def catalog_of(client: Client) -> Catalog:
    """Everything that is deployed now."""
    return await catalog_with(client, (), None)


async def catalog_with(client: Client, resources: Iterable[Resource], pointer: str | None) -> Catalog:
    """Everything as it would be with these resources, once this pointer of each has moved."""
    entries = {name: newest(await client.read_all(domain.state)) for name, domain in DOMAINS.items()}
    return planned(entries, resources, pointer)


def planned(
    entries: Mapping[str, dict[str, Any]],
    resources: Iterable[Resource],
    pointer: str | None,
    none: str = "none exists yet",
) -> Catalog:
    """The entries of each domain's state as they would be with these resources, once this pointer of each has moved.

    none: what is said of a kind that has no names.
    """
    for one in resources:
        _add(entries[one.domain], one, pointer)
    models = entries["model"]
    others = {kind: entries[kind.lower()] for kind in ("Prompt", "Workflow", "Budget")}
    return Catalog({"Model": models, "ModelAlias": models, **others}, none)


async def collections_of(client: Client) -> Collections:
    """Every collection that has documents."""
    characters: dict[tuple[str, str], int] = {}
    async for seen in client.read(DOCUMENT_EVENTS):
        if isinstance(seen.event, DocumentIngested):
            characters[seen.event.collection, seen.event.document] = seen.event.chunk_chars
    passages: dict[str, int] = {}
    for (collection, _), most in characters.items():
        passages[collection] = max(most, passages.get(collection, 0))
    return Collections(passages, whole=True)


async def entries_of(state: Topic) -> Mapping[str, Any]:
    """The entries of a table by key."""
    async with connected() as client:
        return newest(await client.read_all(state))


async def resolve(domain: Domain, kinds: tuple[str, ...], references: tuple[str, ...]) -> list[Resolved]:
    """What references mean now, retired versions too. Raises NotFound."""
    catalog = Catalog(dict.fromkeys(kinds, await entries_of(domain.state)))
    return [catalog.find(kinds, reference) for reference in references]


def newest(seen: Iterable[Seen]) -> dict[str, Any]:
    """A compacted topic's entries by key; tombstones remove theirs."""
    entries: dict[str, Any] = {}
    for one in seen:
        entries.pop(one.key, None)
        if one.event:
            entries[one.key] = one.event
    return entries


def _add(entries: dict[str, Any], one: Resource, pointer: str | None) -> None:
    """The entries of a domain's state as they would be with this resource, once its pointer has moved."""
    head = entries.get(one.name, ResourceHead(kind=one.kind, latest=0))
    version = head.latest + 1
    pointers = {**head.pointers, **({pointer: version} if pointer else {})}
    entries[one.name] = msgspec.structs.replace(head, latest=version, pointers=pointers)
    entries[f"{one.name}/{version}"] = ResourceVersion(
        kind=one.kind, version=version, digest=f"{one.kind}/{one.name}/{version}", spec=json.dumps(one.spec), at=0
    )
