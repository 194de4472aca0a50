"""protect, unprotect, approve: pointers that nobody moves alone."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from headrace import changes
from headrace.changes import Changed
from headrace.cli.deployed import newest
from headrace.cli.families import WAIT_S, Family, Name, Pointer, Reason
from headrace.cli.session import Json, actor, connected
from headrace.cli.telling import tell
from headrace.client import Client
from headrace.errors import HeadraceError
from headrace.event import Event
from headrace.events.resource import ApproveChange, Proposal, ProtectPointer, ResourceHead
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.resource.naming import VERSION


def protect_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def protect(
        name: Name, *, pointer: Pointer = DEFAULT_POINTER, reason: Reason = None, as_json: Json = False
    ) -> None:
        """Protect a pointer: from then on somebody else must approve of each move.

        The actor is as the caller states it; whoever may write to the topic of commands may claim any name.
        """
        command = ProtectPointer(pointer=pointer, actor=actor(), reason=reason)
        tell(family.name, name, asyncio.run(_carry_out(family, name, command)), as_json=as_json)

    return protect


def unprotect_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def unprotect(
        name: Name, *, pointer: Pointer = DEFAULT_POINTER, reason: Reason = None, as_json: Json = False
    ) -> None:
        """Propose that a pointer is protected no longer; somebody else must approve of that, too."""
        command = ProtectPointer(pointer=pointer, protected=False, actor=actor(), reason=reason)
        tell(family.name, name, asyncio.run(_carry_out(family, name, command)), as_json=as_json)

    return unprotect


def approve_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def approve(
        name: Name,
        *,
        pointer: Pointer = DEFAULT_POINTER,
        version: Annotated[str | None, typer.Option(help="7 or v7: where the pointer is to stand.")] = None,
        lift: Annotated[bool, typer.Option("--unprotect", help="That its protection is lifted.")] = False,
        reason: Reason = None,
        as_json: Json = False,
    ) -> None:
        """Approve of a change of a protected pointer, if it is what waits and somebody else proposed it.

        HEADRACE_ACTOR says who you are; without it, your login does.
        """
        if lift == (version is not None):
            raise typer.BadParameter("say what you approve of: --version v7, or --unprotect")
        number = _number(version)
        tell(family.name, name, asyncio.run(_approve(family, name, pointer, number, reason)), as_json=as_json)

    return approve


async def _carry_out(family: Family, name: str, command: Event) -> Changed:
    async with connected() as client:
        return await changes.change(client, family.domain, name, command, WAIT_S)


async def _approve(family: Family, name: str, pointer: str, version: int | None, reason: str | None) -> Changed:
    async with connected() as client:
        waits = await _waiting(client, family, name, pointer)
        same = version == waits.version
        command = ApproveChange(
            pointer=pointer,
            version=waits.version if same else version,
            split=waits.split if same else (),
            proposed_at=waits.at if same else None,
            actor=actor(),
            reason=reason,
        )
        return await changes.change(client, family.domain, name, command, WAIT_S)


async def _waiting(client: Client, family: Family, name: str, pointer: str) -> Proposal:
    """What waits for approval; where nothing does, the service that is asked says so."""
    head = newest(await client.read_all(family.domain.state, key=name)).get(name)
    proposals = head.proposals if isinstance(head, ResourceHead) else {}
    return proposals.get(pointer, Proposal())


def _number(version: str | None) -> int | None:
    if version is None:
        return None
    found = VERSION.fullmatch(version)
    if not found:
        raise HeadraceError(f"{version!r:.80} is no version; write 7 or v7")
    return int(found[1])
