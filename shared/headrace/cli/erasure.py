"""prompt erase: destroy a stored body."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console

from headrace.changes import history
from headrace.cli.session import Json, actor, connected, plain, print_json
from headrace.client import Client
from headrace.erasures import erasure_of
from headrace.errors import HeadraceError, NotFound, Refused, Unanswered
from headrace.events.resource import BodyErased, BodyUnusable, ChangeRefused, EraseBody, ErasureOrdered
from headrace.resource.catalog import Resolved, Resolver
from headrace.resource.naming import VERSION
from headrace.resource.state import ERASED, ERASING
from headrace.seen import Seen
from headrace.topics import DOMAINS

WAIT_S = 60.0


def erase(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    version: Annotated[str, typer.Argument(help="7 or v7.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")],
    as_json: Json = False,
) -> None:
    """Destroy the stored body of a version, and of every other version that has the same, for good.

    Digest and history stay, and runs keep what they are pinned to. Nodes that need the body from now on fail.
    """
    number = VERSION.fullmatch(version)
    if not number:
        raise HeadraceError(f"{version!r:.80} is no version: write 7 or v7")
    event = asyncio.run(_erase(name, EraseBody(version=int(number[1]), actor=actor(), reason=reason)))
    if as_json:
        print_json({"name": name, **plain(event)})
        return
    versions = ", ".join(map(str, event.versions))
    Console(highlight=False).print(
        f"[green]✓[/] {name}: the body of version {versions} is destroyed; sha256 {event.digest[:12]} and history stay"
    )


class Gone(HeadraceError):
    """The body of this version was erased, or is about to be."""

    def __init__(self, prompt: Resolved) -> None:
        super().__init__(f"{prompt} is {prompt.status}")
        self.prompt = prompt


def resolved(resolver: Resolver, reference: str) -> Resolved:
    """The prompt that a reference means for new runs. Raises Gone, and NotFound."""
    found = resolver.find(("Prompt",), reference)
    if found.status in {ERASED, ERASING}:
        raise Gone(found)
    return resolver.resolve(("Prompt",), reference)


@asynccontextmanager
async def erasure_explained(client: Client) -> AsyncIterator[None]:
    """Say of what is gone when, by whom and why, as the log tells. Raises NotFound instead of Gone."""
    try:
        yield
    except Gone as gone:
        prompt = gone.prompt
        erasure = erasure_of(await history(client, DOMAINS["prompt"], prompt.name), prompt.version)
        message = f"{prompt} can't be used any more: {erasure or prompt.status}; name another version"
        raise NotFound(f"prompt_version_{prompt.status}", message) from gone


async def _erase(name: str, command: EraseBody) -> BodyErased:
    """Order it, and wait until it is done. Raises Refused and Unanswered."""
    topics = DOMAINS["prompt"]
    async with connected() as client, client.follow(topics.events, key=name) as answers:
        sent = await client.send(topics.commands, name, command, actor=command.actor)
        try:
            async with asyncio.timeout(WAIT_S):
                return await _erased(name, answers, sent)
        except TimeoutError as error:
            message = f"{name}: not destroyed after {WAIT_S:g} s; `headrace prompt history {name}` tells when it is"
            raise Unanswered(message) from error


async def _erased(name: str, answers: AsyncIterator[Seen], sent: str) -> BodyErased:
    ordered: ErasureOrdered | None = None
    async for seen in answers:
        match seen.event:
            case ChangeRefused(message=message, code=code) if seen.attributes.causation == sent:
                raise Refused(f"{name} was not changed: {message} ({code})")
            case ErasureOrdered() as event if seen.attributes.causation == sent:
                ordered = event
            case BodyUnusable(run="", digest=digest, message=message) if ordered and digest == ordered.digest:
                raise Refused(f"{name}: ordered, but not destroyed yet, and tried again until it is: {message}")
            case BodyErased(digest=digest) as event if ordered and digest == ordered.digest:
                return event
    raise AssertionError("follow never ends by itself")
