"""workflow pause and resume: runs that are held between two nodes."""

import asyncio
from typing import Annotated

import typer

from headrace import changes
from headrace.changes import Changed
from headrace.cli.families import FAMILIES, WAIT_S, Name, Reason
from headrace.cli.hops import clock
from headrace.cli.session import Json, actor, connected
from headrace.cli.telling import tell
from headrace.cli.text import printable
from headrace.events.resource import Paused, PauseWorkflow, ResumeWorkflow

WORKFLOW = FAMILIES["workflow"]


def register(group: typer.Typer) -> None:
    """Add these commands to those of every family."""
    group.command()(pause)
    group.command()(resume)


def pause(
    name: Name,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")],
    as_json: Json = False,
) -> None:
    """Hold a workflow's runs, of all its versions, and say how many routers have applied it and how fast.

    No further node is scheduled until `headrace workflow resume`. What is under way goes on, new runs start and are
    held. Deadlines of runs pass meanwhile.
    """
    command = PauseWorkflow(actor=actor(), reason=reason)
    tell(WORKFLOW.name, name, asyncio.run(_carry_out(name, command)), as_json=as_json)


def resume(name: Name, *, reason: Reason = None, as_json: Json = False) -> None:
    """Let a paused workflow's runs go on, and say how many routers have applied it and how fast."""
    command = ResumeWorkflow(actor=actor(), reason=reason)
    tell(WORKFLOW.name, name, asyncio.run(_carry_out(name, command)), as_json=as_json)


def paused_since(paused: Paused) -> str:
    """Since when, by whom and why a workflow is paused."""
    why = f": {printable(paused.reason)}" if paused.reason else ""
    return f"paused since {clock(paused.at)} by {printable(paused.actor or 'unknown')}{why}"


async def _carry_out(name: str, command: PauseWorkflow | ResumeWorkflow) -> Changed:
    async with connected() as client:
        return await changes.change(client, WORKFLOW.domain, name, command, WAIT_S)
