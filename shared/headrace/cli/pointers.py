"""move, split, rollback: where a pointer stands."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import typer

from headrace import changes
from headrace.changes import Changed
from headrace.cli.deployed import catalog_of
from headrace.cli.families import WAIT_S, Expect, Family, Name, Pointer, Reason, Version
from headrace.cli.history import read_history
from headrace.cli.resources import AllowMissing
from headrace.cli.session import Json, actor, connected
from headrace.cli.telling import tell
from headrace.errors import HeadraceError, NotFound
from headrace.events.resource import MovePointer, Share
from headrace.fault import Fault
from headrace.links import spec_faults
from headrace.resource.catalog import DEFAULT_POINTER, Catalog
from headrace.resource.naming import VERSION
from headrace.resource.splits import Standing

SHARE = re.compile(r"([1-9][0-9]{0,8}):v?([1-9][0-9]{0,8})")


def move_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def move(
        name: Name,
        to: Version,
        *,
        pointer: Pointer = DEFAULT_POINTER,
        expect: Expect = None,
        reason: Reason = None,
        allow_missing: AllowMissing = False,
        as_json: Json = False,
    ) -> None:
        """Move a pointer to a version, and wait until every router has applied it.

        Example: `move answer v4 --pointer staging --expect 3 --reason "shorter answers"`
        """
        command = MovePointer(pointer=pointer, version=0, actor=actor(), reason=reason, **_expected(expect))
        moved = asyncio.run(_carry_out(family, name, command, to, allow_missing=allow_missing))
        tell(family.name, name, moved, as_json=as_json)

    return move


def split_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def split(
        name: Name,
        shares: Annotated[list[str], typer.Argument(help="weight:version, such as 90:v3 10:v4; a canary comes last.")],
        *,
        pointer: Pointer = DEFAULT_POINTER,
        expect: Expect = None,
        reason: Reason = None,
        allow_missing: AllowMissing = False,
        as_json: Json = False,
    ) -> None:
        """Split a pointer's runs between versions by weight; equal sticky keys get equal versions.

        The first version is the one that the pointer is known to stand on. While the last one's weight grows, no run
        that would have got it gets another. A move ends the split.

        Example: `split answer 90:v3 10:v4 --reason "try v4 on a tenth"`; `headrace run show` tells what a run got.
        """
        found = _shares(shares)
        who: dict[str, Any] = {"actor": actor(), "reason": reason, **_expected(expect)}
        command = MovePointer(pointer=pointer, version=found[0].version, split=found, **who)
        tell(
            family.name,
            name,
            asyncio.run(_carry_out(family, name, command, allow_missing=allow_missing)),
            as_json=as_json,
        )

    return split


def rollback_of(family: Family) -> Callable[..., None]:
    """The command for a family."""

    def rollback(
        name: Name,
        *,
        pointer: Pointer = DEFAULT_POINTER,
        to: Annotated[str | None, typer.Option(help="7 or v7; without it, one step back on the pointer's way.")] = None,
        reason: Annotated[str, typer.Option(help="Why, for the audit trail.")],
        allow_missing: AllowMissing = False,
        as_json: Json = False,
    ) -> None:
        """Move a pointer back, with one event, and say how many routers have applied it and how fast.

        Runs that start afterwards use the old version, runs in flight stay as they are pinned. It is refused when
        somebody moves the pointer meanwhile.
        """
        moved = asyncio.run(_roll_back(family, name, pointer, to, reason, allow_missing=allow_missing))
        tell(family.name, name, moved, as_json=as_json)

    return rollback


async def _roll_back(
    family: Family, name: str, pointer: str, to: str | None, reason: str, *, allow_missing: bool
) -> Changed:
    way = changes.way_of(await read_history(family, name), pointer)
    if to is None and len(way) == 1:
        raise NotFound("pointer_not_found", f"there is no step back from {way[0]}; name a version with --to")
    version, split = way[-2] if to is None else Standing(0)
    here: dict[str, Any] = {"expected": way[-1].version, "expected_split": way[-1].split}
    command = MovePointer(pointer=pointer, version=version, split=split, actor=actor(), reason=reason, **here)
    return await _carry_out(family, name, command, to, allow_missing=allow_missing)


async def _carry_out(
    family: Family, name: str, command: MovePointer, to: str | None = None, *, allow_missing: bool
) -> Changed:
    """Move a pointer, to where `to` says if it says anything.

    Raises NotFound; HeadraceError for faults between the versions and what they refer to.
    """
    async with connected() as client:
        catalog = await catalog_of(client)
        if to is not None:
            version = catalog.resolve(family.kinds, f"{name}@{to}").version
            command = msgspec.structs.replace(command, version=version)
        if not allow_missing:
            check_links(catalog, family, name, Standing(command.version, command.split))
        return await changes.change(client, family.domain, name, command, WAIT_S)


def check_links(catalog: Catalog, family: Family, name: str, standing: Standing) -> None:
    """Raises HeadraceError for faults between these versions and what they refer to, NotFound for no such version."""
    for number in sorted({standing.version, *(share.version for share in standing.split)}):
        version = catalog.resolve(family.kinds, f"{name}@{number}")
        if faults := "; ".join(map(Fault.coded, spec_faults(catalog, name, version.kind, version.spec))):
            raise HeadraceError(f"{version}: {faults}; see --allow-missing")


def _expected(text: str | None) -> dict[str, Any]:
    """What --expect says, as fields of the command. Raises HeadraceError for what is no version and no split."""
    if text is None:
        return {}
    if version := VERSION.fullmatch(text):
        return {"expected": int(version[1])}
    shares = _shares(text.split())
    if not shares:
        raise HeadraceError("--expect is empty; write a version such as 7, or the shares of a split")
    return {"expected": shares[0].version, "expected_split": shares}


def _shares(texts: Sequence[str]) -> tuple[Share, ...]:
    """Raises HeadraceError for what is no weight:version."""
    found = []
    for text in texts:
        share = SHARE.fullmatch(text)
        if not share:
            raise HeadraceError(f"{text!r:.80} is no share; write weight:version, such as 90:v3 10:v4")
        found.append(Share(version=int(share[2]), weight=int(share[1])))
    return tuple(found)
