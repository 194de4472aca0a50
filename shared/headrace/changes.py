"""Change a resource, wait until it is so everywhere, and read from the log who changed what."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from headrace.client import Client
from headrace.errors import NotFound, Refused, Unanswered
from headrace.event import Event
from headrace.events.resource import ChangeProposed, ChangeRefused, PointerMoved, PointerProtected, ResourceHead
from headrace.fault import did_you_mean
from headrace.resource.splits import Standing
from headrace.seen import Seen
from headrace.topics import WORKFLOW_STATE, Domain

ROUTER = WORKFLOW_STATE.writer
"""The service whose instances are counted: it starts runs."""
RULED_AT_HOME = ChangeProposed | PointerProtected
"""What only the service that owns the resource looks at: nobody else has to apply it."""


class Changed(NamedTuple):
    """A change that was made, or proposed.

    routers: how many have applied it; all other readers of the table have, too. ms: milliseconds from the command to
    the last one's acknowledgement.
    """

    event: Event
    routers: int
    ms: float


Change = Callable[[Event, float], Awaitable[Changed]]


async def change(client: Client, domain: Domain, name: str, command: Event, timeout_s: float) -> Changed:
    """Carry out a command, and wait until every reader has applied it. Raises Refused and Unanswered."""
    async with changing(client, domain, name) as changed:
        return await changed(command, timeout_s)


@asynccontextmanager
async def changing(client: Client, domain: Domain, name: str) -> AsyncIterator[Change]:
    """Connect to what answers; what is yielded is `change` with a command and a time in seconds."""
    async with (
        client.follow(domain.events, key=name) as answers,
        client.acknowledgements(domain.state) as acknowledged,
    ):

        async def changed(command: Event, timeout_s: float) -> Changed:
            began = time.perf_counter()
            sent = await client.send(domain.commands, name, command, actor=getattr(command, "actor", None))
            event = await answer_to(sent, answers, timeout_s)
            if isinstance(event, ChangeRefused):
                meant = await _meant(client, domain, name) if event.code == "not_found" else ""
                raise Refused(f"{name} was not changed: {event.message}{meant} ({event.code})")
            if event is None:
                raise Unanswered(f"what {domain.events.name} says of {name} can't be read by this version")
            applied = () if isinstance(event, RULED_AT_HOME) else await acknowledged(timeout_s)
            routers = {one.instance for one in applied if one.service == ROUTER}
            return Changed(event, len(routers), (time.perf_counter() - began) * 1000)

        yield changed


async def history(client: Client, domain: Domain, name: str) -> list[Seen]:
    """Every change of a resource, and every refused one, oldest first. Raises NotFound when there are none."""
    found = await client.read_all(domain.events, key=name)
    if not found:
        meant = await _meant(client, domain, name)
        raise NotFound("not_found", f"nothing is named {name!r:.80} on {domain.events.name}{meant}")
    return found


async def _meant(client: Client, domain: Domain, name: str) -> str:
    """A hint for a name that nothing has, from all that exists now; to be put behind what was said."""
    heads = {seen.key for seen in await client.read_all(domain.state) if isinstance(seen.event, ResourceHead)}
    return f"; {hint}" if (hint := did_you_mean(name, heads)) else ""


def way_of(changes: Iterable[Seen], pointer: str) -> list[Standing]:
    """The standings over which a pointer came to where it stands, which is the last one. Raises NotFound.

    A move back to the one before is a step back on the way, and a move to where it stands is none.
    """
    way: list[Standing] = []
    for seen in changes:
        if isinstance(seen.event, PointerMoved) and seen.event.pointer == pointer:
            here = Standing(seen.event.version, seen.event.split)
            if way[-2:-1] == [here]:
                way.pop()
            elif way[-1:] != [here]:
                way.append(here)
    if not way:
        raise NotFound("pointer_not_found", f"there is no pointer {pointer!r:.80}; it was never moved")
    return way


def stays(moved: PointerMoved) -> bool:
    """Whether a pointer was moved to where it stood: that is answered, and changes nothing."""
    return (moved.previous, moved.previous_split) == (moved.version, moved.split)


def last_moves(changes: Iterable[Seen], pointer: str) -> dict[str, PointerMoved]:
    """The move that brought each resource's pointer to where it stands, by name; changes as they stand in the log."""
    return {
        seen.key: seen.event
        for seen in changes
        if isinstance(seen.event, PointerMoved) and seen.event.pointer == pointer and not stays(seen.event)
    }


def waiting_proposals(changes: Iterable[Seen], pointer: str) -> dict[str, ChangeProposed]:
    """What waits for approval of this pointer of each resource, by name; changes as they stand in the log."""
    waiting: dict[str, ChangeProposed] = {}
    for seen in changes:
        match seen.event:
            case ChangeProposed() if seen.event.pointer == pointer:
                waiting[seen.key] = seen.event
            case PointerMoved() | PointerProtected(protected=False) if seen.event.pointer == pointer:
                waiting.pop(seen.key, None)
    return waiting


async def answer_to(sent: str, answers: AsyncIterator[Seen], timeout_s: float) -> Event | None:
    """The event that a command led to, by its event id; None for one that can't be read. Raises Unanswered."""
    try:
        async with asyncio.timeout(timeout_s):
            while (seen := await anext(answers)).attributes.causation != sent:
                pass
    except TimeoutError as error:
        message = f"no answer after {timeout_s:g} s; are the services up? `headrace status` says"
        raise Unanswered(message) from error
    return seen.event
