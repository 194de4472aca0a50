"""run start, watch, show, signal, cancel and list, audit show: runs, from the records on Kafka."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from pydantic import ValidationError
from rich.console import Console

from headrace import audit
from headrace.cli import claimed, hops, summary
from headrace.cli.deployed import newest
from headrace.cli.earlier import tell_earlier
from headrace.cli.graph import Output, PictureFormat, drawn, write
from headrace.cli.run_list import list_runs
from headrace.cli.session import Json, actor, connected, database_url, plain, print_json
from headrace.cli.steering import cancel, signal
from headrace.cli.text import printable, quoted
from headrace.client import Client, new_run_id
from headrace.errors import DatabaseUnavailable, HeadraceError, NotFound, StackError
from headrace.events.resource import ResourceHead
from headrace.events.run import RunCompleted, RunStarted, StartRun
from headrace.resource.catalog import Catalog
from headrace.runs import runs_beginning
from headrace.seen import Seen
from headrace.starting import begun
from headrace.ticks import after
from headrace.topics import RUN_EVENTS, WORKFLOW_STATE
from headrace.workflow.drawing import Picture, marked, picture_of
from headrace.workflow.explained import explain
from headrace.workflow.spec import WorkflowSpec

WAIT_S = 600.0
SHORTEST = 8
"""Characters of an id's beginning that is looked up."""
MOST_NAMED = 5
RunId = Annotated[str, typer.Argument(help="The run's id.")]
KnownRun = Annotated[str, typer.Argument(help=f"The run's id, or its first {SHORTEST} characters or more.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the end.", min=0.1)]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    run_app = typer.Typer(no_args_is_help=True, help="Start runs and look at them.")
    for command in (start, watch, show, signal, cancel):
        run_app.command()(command)
    run_app.command("list")(list_runs)
    audit_app = typer.Typer(no_args_is_help=True, help="Read the audit record.")
    audit_app.command("show")(audit_show)
    app.add_typer(run_app, name="run")
    app.add_typer(audit_app, name="audit")


def start(
    workflow: Annotated[str, typer.Argument(help="name, name@7 or name@production.")],
    *,
    given: Annotated[str, typer.Option("--input", "-i", help="A JSON object, or @FILE with one.")] = "{}",
    run_id: Annotated[
        str | None, typer.Option("--id", help="The run's id; the same never starts a second run.")
    ] = None,
    sticky: Annotated[
        str | None, typer.Option(help="Equal ones get equal versions of pointers that split their traffic.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show the hops and wait for the end.")] = True,
    timeout: Timeout = WAIT_S,
    as_json: Json = False,
) -> None:
    """Start a run by producing a StartRun event. Exit code 1 when the run does not complete.

    With an --id that was used before nothing is started: it says so, and gives the earlier run's result. Without one,
    the new run's id is said on standard error. Ctrl-C ends the waiting, not the run.

    Example: `headrace run start ask-the-docs -i '{"question": "What is a pointer?"}'`
    """
    request = StartRun(workflow=workflow, input=_input(given), actor=actor(), sticky=sticky)
    completed = asyncio.run(_start(request, run_id, timeout if wait else None, as_json=as_json))
    if not completed:
        sys.exit(1)


def watch(run_id: RunId, *, timeout: Timeout = WAIT_S, as_json: Json = False) -> None:
    """Show a run's records on all topics, from the first, until it ends. Exit code 1 when it does not complete."""
    if not asyncio.run(_watch(run_id, timeout, as_json=as_json)):
        sys.exit(1)


def show(
    run_id: KnownRun,
    *,
    graph: Annotated[PictureFormat | None, typer.Option(help="Draw its path on the workflow's graph instead.")] = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Show what a run did, from its log: what it is pinned to and why, nodes, models, tokens, cost, output.

    Its path follows in the order of the log: what went into each node and came out, and of each edge why it was taken,
    or why not.

    Example: `headrace run show my-run --graph svg -o my-run.svg`
    """
    log, spec, head = asyncio.run(_explained(run_id))
    if graph:
        write(drawn(_picture(log, spec), graph), output)
        return
    found = asyncio.run(_with_whole_output(summary.summarize(log, spec, head)))
    if as_json:
        print_json(found)
        return
    console = Console()
    summary.show(console, found)
    hint = f"`headrace audit show {found['run']} --json` has its whole log: what went into each node, what came out"
    console.print(hint, markup=False, highlight=False, soft_wrap=True)


def audit_show(run_id: KnownRun, *, as_json: Json = False) -> None:
    """Show a run's events in order, and check their sequence and hash chain. Exit code 1 when the log is not whole."""
    log = asyncio.run(_log(run_id))
    faults = audit.faults(log)
    if as_json:
        print_json(
            {"run": log[0].key, "whole": not faults, "faults": faults, "events": [_record(seen) for seen in log]}
        )
    else:
        console = Console()
        hops.trace(console, log)
        for fault in faults:
            console.print(f"✗ {quoted(fault)}", style="red", highlight=False)
        if not faults:
            console.print(hops.whole(log), highlight=False, soft_wrap=True)
    if faults:
        sys.exit(1)


def _input(given: str) -> str:
    """JSON text. Raises HeadraceError for what is not a JSON object."""
    try:
        text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
        value = json.loads(text)
    except OSError as error:
        raise HeadraceError(f"the input can't be read from {given[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise HeadraceError(
            f'the input is not JSON: {error}; give an object such as \'{{"question": "…"}}\''
        ) from error
    if not isinstance(value, dict):
        raise HeadraceError(f"the input must be a JSON object, not {text:.80}")
    return text


async def _with_whole_output(found: dict[str, Any]) -> dict[str, Any]:
    """A summary with all of the run's output."""
    if "output" not in found:
        return found
    return {**found, "output": json.loads(await claimed.whole(json.dumps(found["output"])))}


async def _start(request: StartRun, given: str | None, timeout_s: float | None, *, as_json: bool) -> bool:
    run_id = given or new_run_id()
    request = await claimed.sent(request)
    async with connected() as client:
        if timeout_s is None:
            await client.start_run(request, run_id)
            print_json({"run": run_id}) if as_json else sys.stdout.write(f"{run_id}\n")
            return True
        async with client.follow(*hops.TOPICS, key=run_id) as records:
            sent = await client.start_run(request, run_id)
            if given is None:
                sys.stderr.write(f"run {run_id}\n")
                return await _to_end(run_id, records, timeout_s, as_json=as_json)
            with _going_on(run_id):
                known = await begun(client, run_id, sent, records, timeout_s)
            if not known.earlier:
                return await _to_end(run_id, after(known.came, records), timeout_s, as_json=as_json)
        await tell_earlier(client, run_id, known.first, request)
        return await _from_the_first(client, run_id, known.since, timeout_s, as_json=as_json)


async def _watch(run_id: str, timeout_s: float, *, as_json: bool) -> bool:
    async with connected() as client:
        return await _from_the_first(client, run_id, 0, timeout_s, as_json=as_json)


async def _from_the_first(client: Client, run_id: str, since: int, timeout_s: float, *, as_json: bool) -> bool:
    """As `_to_end`, after what was written so far: that is read topic by topic, and printed by time."""
    async with client.follow(*hops.TOPICS, key=run_id) as records:
        past = hops.replayed([seen async for seen in client.read(*hops.TOPICS, keys={run_id}, since=since)])
        coming = after(past.records, hops.unseen(records, past.records))
        return await _to_end(run_id, coming, timeout_s, past.gone, as_json=as_json)


async def _to_end(
    run_id: str, records: AsyncIterator[Seen], timeout_s: float, gone: Iterable[str] = (), *, as_json: bool
) -> bool:
    """Print a run's records as they come, JSON one a line; whether it completed. Raises Unanswered."""
    console = Console()
    show_one = _print_record if as_json else hops.printer(console)
    with _going_on(run_id):
        end = await hops.to_end(run_id, records, timeout_s, show_one, gone)
    if not as_json:
        if isinstance(end, RunCompleted):
            end = msgspec.structs.replace(end, output=await claimed.whole(end.output))
        hops.tell(console, run_id, end)
    return isinstance(end, RunCompleted)


@contextmanager
def _going_on(run_id: str) -> Iterator[None]:
    """Say on standard error, when whoever waits for a run is interrupted, that this does not end it, and what would."""
    try:
        yield
    except asyncio.CancelledError:
        sys.stderr.write(
            f"headrace: run {run_id} goes on: `headrace run watch {run_id}` shows it, "
            f"`headrace run cancel {run_id} --reason …` ends it\n"
        )
        raise


def _print_record(seen: Seen) -> None:
    print_json(_record(seen), indent=None)


async def _log(run_id: str) -> list[Seen]:
    """A run's records of run.events. Raises HeadraceError when there are none."""
    async with connected() as client:
        return await _read(client, run_id)


async def _explained(run_id: str) -> tuple[list[Seen], WorkflowSpec | None, ResourceHead | None]:
    """A run's log; the spec of its workflow and that one's head now, unless they are not known here.

    Raises HeadraceError without a log.
    """
    async with connected() as client:
        log = await _read(client, run_id)
        started = next((seen.event for seen in log if isinstance(seen.event, RunStarted)), None)
        if started is None:
            return log, None, None
        entries = newest(await client.read_all(WORKFLOW_STATE))
    head = entries.get(started.workflow.partition("@")[0])
    try:
        spec = WorkflowSpec.model_validate(Catalog({"Workflow": entries}).find(("Workflow",), started.workflow).spec)
    except (NotFound, ValidationError):
        spec = None
        sys.stderr.write(
            f"warning: {printable(started.workflow)} can't be read here, so nothing is said of its edges\n"
        )
    return log, spec, head if isinstance(head, ResourceHead) else None


def _picture(log: list[Seen], spec: WorkflowSpec | None) -> Picture:
    if spec is None:
        raise HeadraceError(f"run {log[0].key} has no workflow that could be drawn; `headrace run show` says why")
    path = explain(log[0].key, [seen.event for seen in log if seen.event], spec)
    return marked(picture_of(f"run {log[0].key}", spec), path)


async def _read(client: Client, given: str) -> list[Seen]:
    """The log of the run with this id, or else of the only one whose id begins so. Raises HeadraceError."""
    log = await client.read_all(RUN_EVENTS, key=given)
    if not log and (run_id := the_only(given, await _beginning(given))):
        log = await client.read_all(RUN_EVENTS, key=run_id)
    if not log:
        raise HeadraceError(
            f"no run {given!r:.210} in {RUN_EVENTS.name}; was it started here? `headrace env` says where"
        )
    return log


async def _beginning(given: str) -> Sequence[str]:
    """Ids that begin so, as far as the tables in Postgres know; none for what is too short."""
    if len(given) < SHORTEST:
        return ()
    try:
        return await runs_beginning(database_url(), given, MOST_NAMED + 1)
    except (DatabaseUnavailable, StackError):
        return ()


def the_only(given: str, found: Sequence[str]) -> str | None:
    """The run that is meant by the beginning of its id, if there is one. Raises HeadraceError for several."""
    if len(found) > 1:
        more = " and more" if len(found) > MOST_NAMED else ""
        raise HeadraceError(f"several runs begin with {given}: {', '.join(found[:MOST_NAMED])}{more}; write more of it")
    return found[0] if found else None


def _record(seen: Seen) -> dict[str, Any]:
    place = {"run": seen.key, "topic": seen.topic, "partition": seen.partition, "offset": seen.offset, "at": seen.at}
    return {**place, **(plain(seen.event) if seen.event else {"fault": seen.fault})}
