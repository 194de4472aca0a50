"""model health: the circuit breakers of models, as all workers see them."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from headrace.cli.deployed import newest
from headrace.cli.hops import clock
from headrace.cli.session import Json, connected, plain, print_json
from headrace.cli.text import quoted
from headrace.events.model import ModelHealthChanged
from headrace.topics import MODEL_HEALTH

STYLES = {"closed": "green", "half_open": "yellow", "open": "red"}


def health(
    name: Annotated[str | None, typer.Argument(help="Only this model: its name, or name@version.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show which models are called, and which are left alone, since when, why, and until when.

    A model that is not shown has never failed often enough: its calls are made.
    """
    found = asyncio.run(_read(name))
    if as_json:
        print_json([{"model": model, **plain(seen)} for model, seen in found.items()])
        return
    if not found:
        Console().print(f"{quoted(name) if name else 'all models'}: closed, as always; calls are made", highlight=False)
        return
    fixed = [Column(name, no_wrap=True) for name in ("model", "state")]
    table = Table(*fixed, "since", "next probe", "why", box=None, pad_edge=False)
    for model, seen in found.items():
        state = f"[{STYLES.get(seen.state, 'default')}]{quoted(seen.state)}[/]"
        table.add_row(quoted(model), state, clock(seen.at), _retry(seen), quoted(seen.reason))
    Console().print(table)


def _retry(seen: ModelHealthChanged) -> str:
    if seen.retry_at is None:
        return ""
    due = seen.retry_at <= time.time_ns() // 1_000_000
    return f"{clock(seen.retry_at)}{' (due)' if due else ''}"


async def _read(name: str | None) -> dict[str, ModelHealthChanged]:
    async with connected() as client:
        entries = newest(await client.read_all(MODEL_HEALTH))
    return {
        model: seen
        for model, seen in sorted(entries.items())
        if isinstance(seen, ModelHealthChanged) and name in {None, model, model.partition("@")[0]}
    }
