"""up, down, status, env: the local stack."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from headrace.cli.session import Json, print_json, program
from headrace.errors import StackError
from headrace.stack import control
from headrace.stack.home import DEFAULT_BASE, Home, Running
from headrace.stack.parts import Plan

MARKS = {"well": "[green]✓[/]", "outside": "[green]→[/]", "starting": "[yellow]…[/]", "waiting": "[dim]·[/]"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, down, status, env):
        app.command()(command)


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all is well; leave it running.")] = False,
    port_base: Annotated[
        str, typer.Option(envvar="HEADRACE_PORT_BASE", help="First of the 200 ports, or `auto` for a free range.")
    ] = str(DEFAULT_BASE),
    part: Annotated[list[str] | None, typer.Option(help="Only this part; may be repeated.")] = None,
) -> None:
    """Start the local stack: Kafka, schema registry, Postgres, S3, models, and Headrace's services."""
    home = Home.default()
    console = Console(stderr=True)
    start(home, console, base_of(port_base), part or ())
    console.print(f"The stack is up; its data and logs are in {home.path}", highlight=False)
    if detach:
        console.print(f"`{program()} env` prints where its parts are, `{program()} down` stops it.", highlight=False)
        return
    console.print("Ctrl-C stops it.")
    try:
        _attend(home)
    finally:
        control.stop(home)
        console.print("stopped")


def down(
    *,
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove all its data, too.")] = False,
) -> None:
    """Stop the local stack."""
    home = Home.default()
    was = control.stop(home)
    if wipe:
        home.wipe()
    told = ("stopped" if was else "no stack was running here") + (f"; its data in {home.path} is gone" if wipe else "")
    Console(stderr=True).print(told, highlight=False)


def status(*, as_json: Json = False) -> None:
    """Show each part: is it well, where it listens, what it takes. Exit code 3 unless all is well."""
    running = Home.default().running()
    if running is None:
        raise StackError(f"no stack is running in {Home.default().path}; `headrace up` starts one")
    if as_json:
        parts = {name: _part(running, name) for name in running.parts}
        print_json({"ready": running.ready, "port_base": running.base, "parts": parts})
    else:
        Console().print(_details(running))
    if not control.is_well(running):
        sys.exit(3)


def env(*, as_json: Json = False) -> None:
    """Print where the stack's parts are, as NAME=value lines."""
    running = Home.default().running()
    if running is None:
        raise StackError(f"no stack is running in {Home.default().path}; `headrace up` starts one")
    if as_json:
        print_json(running.env)
        return
    for name, value in running.env.items():
        sys.stdout.write(f"{name}={value}\n")


def base_of(text: str) -> int | None:
    """A first port; None for `auto`. Raises typer.BadParameter."""
    if text == "auto":
        return None
    if text.isdecimal() and 1024 <= int(text) <= 65_300:
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither `auto` nor a port from 1024 to 65300")


def start(home: Home, console: Console, base: int | None, parts: list[str] | tuple[str, ...]) -> Running:
    """Install what is missing and start the stack, with a live view of both. Raises StackError."""
    known = Plan(home, DEFAULT_BASE, {}).parts()
    if unknown := [name for name in parts if name not in known]:
        raise typer.BadParameter(f"no part {', '.join(unknown)}; there are {', '.join(known)}")
    console.print("Looking for what the stack needs; what is missing is fetched once.")
    _install(console, parts)
    began, already = time.monotonic(), home.running() is not None
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        running = control.start(home, base, parts, lambda now: live.update(_progress(now)))
    if already:
        console.print(f"[green]✓[/] running already, on ports from {running.base}", highlight=False)
        told = f"It keeps the environment that it was started with; `{program()} down` first to change that."
        console.print(f"  {told}", highlight=False, soft_wrap=True)
        return running
    wells = " ".join(name for name, part in running.parts.items() if part.status == "well")
    console.print(f"[green]✓[/] started in {time.monotonic() - began:.1f} s: {wells}", highlight=False)
    return running


def _install(console: Console, parts: Sequence[str]) -> None:
    """Fetch what is missing, with a bar while it comes."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        control.install(
            parts,
            lambda line: console.print(f"  {line}", highlight=False),
            lambda done, total: bar.update(task, completed=done, total=total, visible=done < total),
        )


def _progress(running: Running) -> Group:
    return Group(*(Text.from_markup(f"  {_mark(part.status)} {name}") for name, part in running.parts.items()))


def _mark(status_now: str) -> str:
    return MARKS.get(status_now, "[red]✗[/]")


def _part(running: Running, name: str) -> dict[str, object]:
    part = running.parts[name]
    return {
        "status": part.status,
        "pid": part.pid,
        "port": part.port,
        "rss_mb": control.rss_mb(part.pid),
        "restarts": part.restarts,
        "detail": part.detail,
    }


def _details(running: Running) -> Table:
    table = Table("part", "status", "port", "process", "MiB", "restarts", "last end")
    for name in running.parts:
        values = _part(running, name)
        shown = ["" if value is None else str(value) for value in values.values()]
        state, pid, port, rss, restarts, detail = shown
        table.add_row(name, f"{_mark(state)} {state}", port, pid, rss, restarts, detail)
    return table


def _attend(home: Home) -> None:
    """Wait until the stack is stopped or the user interrupts. Raises StackError if it ended by itself."""
    try:
        while home.running():
            time.sleep(1.0)
    except KeyboardInterrupt:
        return
    if ended := home.noted():  # one that was told to stop leaves no note
        raise StackError(ended.failed or f"the stack ended by itself; see {home.logs / 'supervisor.log'}")
