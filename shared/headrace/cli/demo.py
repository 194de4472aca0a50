"""demo: the whole job, from an empty folder to an answered question."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel

from headrace import audit
from headrace.apply import await_readers
from headrace.cli import hops, resources, stack, summary
from headrace.cli.session import actor, connected, program
from headrace.cli.text import quoted
from headrace.client import Client, new_run_id
from headrace.errors import HeadraceError
from headrace.events.run import RunCompleted, StartRun
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.stack import control
from headrace.stack.home import DEFAULT_BASE, Home
from headrace.topics import RUN_EVENTS

EXAMPLE = Path("examples/ask-the-docs")
WORKFLOW = "ask-the-docs"
QUESTION = "Which service calls the language model?"
WAIT_S = 120.0
NEXT_STEPS = """\
The stack is still running. Ask something else, change the prompt in examples/ask-the-docs/prompt.yaml and apply it, see
what changed, take it back, stop it and remove its data:
  {headrace} run start ask-the-docs -i '{{"question": "What is a pointer?"}}'
  {headrace} apply -f examples/ask-the-docs/prompt.yaml --reason "try it"
  {headrace} prompt history answer-from-passages
  {headrace} prompt rollback answer-from-passages --reason "back"
  {headrace} down --wipe"""
STOPPED = """\
To look around, run it again with `make demo KEEP=1`.
Its data stays in {home}; `{headrace} down --wipe` removes it."""
STILL_RUNNING = "The stack is still running; `{headrace} down` stops it."


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)


def demo(
    *,
    question: Annotated[str, typer.Option("--question", "-q", help="What to ask the documentation.")] = QUESTION,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    port_base: Annotated[
        str, typer.Option(envvar="HEADRACE_PORT_BASE", help="First of the 200 ports, or `auto` for a free range.")
    ] = str(DEFAULT_BASE),
) -> None:
    """Start the stack, deploy examples/ask-the-docs, ask a question over Kafka, show every hop and the answer."""
    if not EXAMPLE.is_dir():
        raise HeadraceError(f"no folder {EXAMPLE} here; run the demo at the top of a checkout")
    console = Console()
    home = Home.default()
    mine = home.running() is None
    told = STILL_RUNNING
    try:
        stack.start(home, console, stack.base_of(port_base), ())
        asyncio.run(_ask(console, question))
        told = NEXT_STEPS if keep or not mine else STOPPED
    finally:
        if mine and not keep and home.running():
            console.print("Stopping the stack …")
            control.stop(home)
        if told == STOPPED or home.running():
            console.print(
                told.format(headrace=program(), home=home.path), markup=False, highlight=False, soft_wrap=True
            )


async def _ask(console: Console, question: str) -> None:
    async with connected() as client:
        found, documents = resources.read([EXAMPLE])
        answers = await resources.send(client, console, found, documents, resources.Way(DEFAULT_POINTER, "demo"))
        if any(one.outcome == "refused" for one in answers):
            raise HeadraceError("the example was refused, so there is nothing to run")
        await await_readers(client, found, WAIT_S)
        run_id = new_run_id()
        console.rule(f"run {run_id}", align="left")
        console.print(f"[bold]{quoted(question)}[/]")
        request = StartRun(workflow=WORKFLOW, input=json.dumps({"question": question}), actor=actor())
        async with client.follow(*hops.TOPICS, key=run_id) as records:
            await client.start_run(request, run_id)
            with console.status("waiting for the next record"):
                end = await hops.to_end(run_id, records, WAIT_S, hops.printer(console))
        if not isinstance(end, RunCompleted):
            hops.tell(console, run_id, end)
            raise HeadraceError("the run did not complete")
        _answer(console, end)
        await _proof(console, client, run_id)


def _answer(console: Console, end: RunCompleted) -> None:
    output = json.loads(end.output)
    console.print(Panel(quoted(output["answer"]), title="answer", title_align="left", border_style="green"))
    for passage in output["documents"]:
        console.print(f"  from {passage['document']}  ({passage['score']:.2f})", markup=False, highlight=False)
    usage = end.usage
    spent = end.finished_at - end.started_at
    tokens = f"{usage.input_tokens} tokens in, {usage.output_tokens} out"
    console.print(f"{spent} ms, {tokens}, {hops.money(usage)}", highlight=False)


async def _proof(console: Console, client: Client, run_id: str) -> None:
    """The audit trail, read back from the log."""
    log = await client.read_all(RUN_EVENTS, key=run_id)
    console.rule("audit trail: the run's log", align="left")
    summary.show(console, {name: value for name, value in summary.summarize(log).items() if name != "output"})
    if faults := audit.faults(log):
        raise HeadraceError(f"the run's log is not whole: {'; '.join(faults)}")
    console.print(hops.whole(log), highlight=False, soft_wrap=True)
