"""run signal, run cancel: tell a run something, and wait for what it makes of it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.session import Json, actor, connected, plain, print_json
from headrace.cli.text import quoted
from headrace.client import Client
from headrace.errors import HeadraceError, Unanswered
from headrace.event import Event
from headrace.events.run import CancelRun, NodeSucceeded, RunCancelled, SignalReceived, SignalRefused, SignalRun
from headrace.topics import RUN_EVENTS, RUN_REQUESTS, TERMINAL

ANSWER_S = 15.0
RunId = Annotated[str, typer.Argument(help="The run's id.")]


def signal(
    run_id: RunId,
    name: Annotated[str, typer.Argument(help="The signal's name, as the node that waits names it.")],
    *,
    payload: Annotated[str, typer.Option("--payload", "-p", help="JSON, or @FILE with it.")] = "{}",
    as_json: Json = False,
) -> None:
    """Send a run a signal, such as an approval. Exit code 1 when the run refuses it.

    A signal that nothing waits for yet is kept for the node that will.

    Example: `headrace run signal order-7 approval -p '{"approved": true}'`
    """
    told, taken = asyncio.run(_signal(run_id, SignalRun(signal=name, payload=_json(payload))))
    if as_json:
        print_json(plain(told))
    elif isinstance(told, SignalReceived):
        kept = "" if taken else "; no node waits for it now: it is kept for one that will"
        sys.stdout.write(f"{run_id} has the signal {quoted(name)}{kept}\n")
    if isinstance(told, SignalRefused):
        node = f"; node {told.node} goes on waiting" if told.node else ""
        sys.stderr.write(f"headrace: run {run_id} refused the signal {quoted(name)}: {quoted(told.reason)}{node}\n")
    if not isinstance(told, SignalReceived):
        sys.exit(1)


def cancel(
    run_id: RunId,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the audit record.")],
    as_json: Json = False,
) -> None:
    """Cancel a run: nothing new starts, and calls that are under way are told to stop."""
    told = asyncio.run(_cancel(run_id, CancelRun(reason=reason)))
    if as_json:
        print_json(plain(told))
    elif isinstance(told, RunCancelled):
        sys.stdout.write(f"{run_id} is cancelled\n")
    if not isinstance(told, RunCancelled):
        sys.exit(1)


def _json(given: str) -> str:
    """JSON text. Raises HeadraceError."""
    try:
        text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
        json.loads(text)
    except OSError as error:
        raise HeadraceError(f"the payload can't be read from {given[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise HeadraceError(f"the payload is not JSON: {error}; texts are written in quotes: -p '\"yes\"'") from error
    return text


async def _signal(run_id: str, request: SignalRun) -> tuple[Event, bool]:
    """What a run makes of a signal, and whether a node took it."""
    async with connected() as client:
        told = await _tell(client, run_id, request)
        log = await client.read_all(RUN_EVENTS, key=run_id)
    ended = [seen.event for seen in log if isinstance(seen.event, NodeSucceeded)]
    return told, isinstance(told, SignalReceived) and any(event.signal == told.seq for event in ended)


async def _cancel(run_id: str, request: CancelRun) -> Event:
    async with connected() as client:
        return await _tell(client, run_id, request)


async def _tell(client: Client, run_id: str, request: Event) -> Event:
    """What a run makes of a request. Raises HeadraceError for a run that is not there, or has ended."""
    await _check(client, run_id)
    async with client.follow(RUN_EVENTS, key=run_id, since=None) as records:
        sent = await client.send(RUN_REQUESTS, run_id, request, actor=actor())
        try:
            async with asyncio.timeout(ANSWER_S):
                async for seen in records:
                    if seen.event and (seen.attributes.causation == sent or isinstance(seen.event, TERMINAL)):
                        return seen.event
        except TimeoutError as error:
            message = f"run {run_id} has not answered within {ANSWER_S:g} s; is a router running?"
            raise Unanswered(message) from error
    raise AssertionError("follow never ends by itself")


async def _check(client: Client, run_id: str) -> None:
    log = await client.read_all(RUN_EVENTS, key=run_id)
    if not log:
        raise HeadraceError(f"no run {run_id!r:.210} in {RUN_EVENTS.name}")
    if isinstance(last := log[-1].event, TERMINAL):
        raise HeadraceError(f"run {run_id} has ended: {last.NAME.rpartition('.')[2]}")
