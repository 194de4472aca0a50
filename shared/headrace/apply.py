"""Send resources and documents as commands, bodies of prompts to the object store, and tell what became of each."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec

from headrace.bodies import BodyStore
from headrace.changes import ROUTER
from headrace.client import Client
from headrace.errors import Unanswered
from headrace.event import Event
from headrace.events import document, resource
from headrace.events.document import IngestDocument
from headrace.resource.body import body_of, must_be_stored, with_stored
from headrace.resource.files import Resource
from headrace.seen import Seen
from headrace.topics import DOCUMENT_COMMANDS, DOCUMENT_EVENTS, DOMAINS

ANSWERS = (*(domain.events for domain in DOMAINS.values()), DOCUMENT_EVENTS)
READ_BY_ROUTERS = ("prompt", "model", "workflow")


class Sent(NamedTuple):
    """A command on its way: its event id, and what it is about."""

    id: str
    kind: str
    name: str


class Applied(NamedTuple):
    """What became of a resource or document. `outcome`: created, moved, kept, proposed, unchanged, ingested or refused.

    moved: the version was there already, and the pointer stands on it now. kept: the version was there already, and the
    pointer stays elsewhere. proposed: the version is there, and the pointer, which is protected, waits for a second
    actor. proposer: who asked for what waits, as that caller stated it.
    """

    kind: str
    name: str
    outcome: str
    version: int | None = None
    message: str = ""
    proposer: str | None = None


async def store_bodies(store: BodyStore, resources: Iterable[Resource]) -> list[Resource]:
    """Store the bodies of prompts that are large or sensitive; the resources as they are sent then.

    Raises BodyFault and StoreUnavailable; nothing has been sent then.
    """
    return [await _stored(store, one) for one in resources]


async def apply(
    client: Client,
    resources: Iterable[Resource],
    documents: Iterable[IngestDocument],
    *,
    pointer: str | None,
    move_known: bool = False,
    actor: str,
    reason: str | None,
    timeout_s: float,
) -> AsyncIterator[Applied]:
    """Send everything at once and yield each answer as it comes.

    pointer: moved to each resource's version, to one that was there already only if move_known. timeout_s: longest wait
    between two answers. Raises Unanswered.
    """
    to_version = resource.CreateVersion(
        kind="", spec="", pointer=pointer, move_known=move_known, actor=actor, reason=reason
    )
    async with client.follow(*ANSWERS) as answers:
        sent = [await _send(client, one, to_version) for one in resources]
        sent += [await _ingest(client, one) for one in documents]
        waiting = {command.id: command for command in sent}
        halves: dict[str, Event] = {}
        while waiting:
            seen = await _next(answers, waiting, timeout_s)
            command = waiting.get(seen.attributes.causation or "")
            applied = command and seen.event and _outcome(command, seen.event, halves, pointer)
            if command and applied:
                del waiting[command.id]
                yield applied


async def await_readers(client: Client, resources: Iterable[Resource], timeout_s: float) -> int:
    """Wait until all routers know everything that is deployed, and workers the budgets among these resources; how many
    routers there are. Raises Unanswered.
    """
    read = {*READ_BY_ROUTERS, *(one.domain for one in resources)}
    acknowledged = await client.await_applied([DOMAINS[name].state for name in read], timeout_s)
    return len({applied.instance for applied in acknowledged if applied.service == ROUTER})


async def _stored(store: BodyStore, one: Resource) -> Resource:
    body = body_of(one.spec) if one.kind == "Prompt" else None
    if body is None or not must_be_stored(one.spec, body):
        return one
    await store.put(one.name, body)
    return replace(one, spec=with_stored(one.spec, body))


async def _send(client: Client, one: Resource, like: resource.CreateVersion) -> Sent:
    command = msgspec.structs.replace(like, kind=one.kind, spec=json.dumps(one.spec))
    event_id = await client.send(DOMAINS[one.domain].commands, one.name, command, actor=like.actor)
    return Sent(event_id, one.kind, one.name)


async def _ingest(client: Client, command: IngestDocument) -> Sent:
    key = f"{command.collection}/{command.document}"
    return Sent(await client.send(DOCUMENT_COMMANDS, key, command, actor=command.actor), "Document", key)


async def _next(answers: AsyncIterator[Seen], waiting: Mapping[str, Sent], timeout_s: float) -> Seen:
    try:
        async with asyncio.timeout(timeout_s):
            return await anext(answers)
    except TimeoutError as error:
        names = ", ".join(f"{command.kind} {command.name}" for command in list(waiting.values())[:5])
        message = f"no answer after {timeout_s:g} s for {names}; are the services up? `headrace status` says"
        raise Unanswered(message) from error


def _outcome(command: Sent, event: Event, halves: dict[str, Event], pointer: str | None) -> Applied | None:
    """What an event says of a command; None while a second one follows.

    The pointer moves after a new version was created, and before a known one is told. `halves`: first events.
    """
    kind, name = command.kind, command.name
    first = halves.get(command.id)
    match event:
        case resource.VersionCreated(version=version) if pointer is None:
            return Applied(kind, name, "created", version)
        case resource.PointerMoved() | resource.ChangeProposed() if first is not None:
            return _stands(command, event, "created")
        case resource.VersionReused():
            return _reused(command, event) if first is None else _stands(command, first, "moved")
        case document.DocumentIngested(chunks=chunks):
            return Applied(kind, name, "ingested", message=f"{chunks} chunks")
        case resource.ChangeRefused(message=message) | document.DocumentRefused(message=message):
            return Applied(kind, name, "refused", message=message)
    halves[command.id] = event
    return None


def _reused(command: Sent, event: resource.VersionReused) -> Applied:
    outcome = "unchanged" if event.pointer is None else "kept"
    return Applied(command.kind, command.name, outcome, event.version)


def _stands(command: Sent, event: Event, outcome: str) -> Applied:
    """The outcome when this is what became of a pointer, and how it moved or who asked for that."""
    if isinstance(event, resource.PointerMoved):
        moved = f"{event.pointer} {event.previous or 'new'} → {event.version}"
        return Applied(command.kind, command.name, outcome, event.version, moved)
    assert isinstance(event, resource.ChangeProposed)
    return Applied(command.kind, command.name, "proposed", event.version, proposer=event.actor)
