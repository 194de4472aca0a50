"""Move pointers, wait until it is so everywhere, and read from the log who changed what."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from headrace.client import Client, Seen
from headrace.errors import NotFound, Refused, Unanswered
from headrace.event import Event
from headrace.events.resource import ChangeRefused, MovePointer, PointerMoved
from headrace.topics import Domain


class Moved(NamedTuple):
    """A pointer that stands elsewhere.

    routers: how many have applied it. ms: milliseconds from the command to the last one's acknowledgement.
    """

    event: PointerMoved
    routers: int
    ms: float


Move = Callable[[MovePointer, float], Awaitable[Moved]]


async def move(client: Client, domain: Domain, name: str, command: MovePointer, timeout_s: float) -> Moved:
    """Move a pointer, and wait until every router has applied it. Raises Refused and Unanswered."""
    async with moving(client, domain, name) as moved:
        return await moved(command, timeout_s)


@asynccontextmanager
async def moving(client: Client, domain: Domain, name: str) -> AsyncIterator[Move]:
    """Connect to what answers; what is yielded is `move` with a command and a time in seconds."""
    async with (
        client.follow(domain.events, key=name) as answers,
        client.acknowledgements(domain.state) as acknowledged,
    ):

        async def moved(command: MovePointer, timeout_s: float) -> Moved:
            began = time.perf_counter()
            sent = await client.send(domain.commands, name, command, actor=command.actor)
            event = await _answer(answers, sent, timeout_s)
            if isinstance(event, ChangeRefused):
                raise Refused(f"{name} was not changed: {event.message} ({event.code})")
            if not isinstance(event, PointerMoved):
                raise Unanswered(f"what {domain.events.name} says of {name} can't be read by this version")
            routers = {applied.instance for applied in await acknowledged(timeout_s)}
            return Moved(event, len(routers), (time.perf_counter() - began) * 1000)

        yield moved


async def history(client: Client, domain: Domain, name: str) -> list[Seen]:
    """Every change of a resource, and every refused one, oldest first. Raises NotFound when there are none."""
    found = await client.read_all(domain.events, key=name)
    if not found:
        raise NotFound("not_found", f"nothing is named {name!r:.80} on {domain.events.name}")
    return found


def way_of(changes: Iterable[Seen], pointer: str) -> list[int]:
    """The versions on which a pointer came to where it stands, which is the last one. Raises NotFound.

    A move back to the one before is a step back on the way, and a move to where it stands is none.
    """
    way: list[int] = []
    for seen in changes:
        if isinstance(seen.event, PointerMoved) and seen.event.pointer == pointer:
            version = seen.event.version
            if way[-2:-1] == [version]:
                way.pop()
            elif way[-1:] != [version]:
                way.append(version)
    if not way:
        raise NotFound("pointer_not_found", f"there is no pointer {pointer!r:.80}; it was never moved")
    return way


async def _answer(answers: AsyncIterator[Seen], sent: str, timeout_s: float) -> Event | None:
    """The event that a command led to."""
    try:
        async with asyncio.timeout(timeout_s):
            while (seen := await anext(answers)).attributes.causation != sent:
                pass
    except TimeoutError as error:
        message = f"no answer after {timeout_s:g} s; are the services up? `headrace status` says"
        raise Unanswered(message) from error
    return seen.event
