"""usage: what calls of models took, as a table and a plot."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from headrace.budgets.holds import money
from headrace.cli.deployed import newest
from headrace.cli.duration import UNITS, duration
from headrace.cli.session import Json, connected, print_json
from headrace.cli.text import printable, quoted
from headrace.client import Client
from headrace.events.model import ModelCalled
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.events.usage import UsageWindow
from headrace.resource.model import Costs, ModelSpec
from headrace.topics import MODEL_CALLS, MODEL_STATE, USAGE_WINDOWS
from headrace.usage.reprice import Repriced, repriced
from headrace.usage.sums import Series, Usage, series, usage_by_name, with_versions

STRETCHES = 60
"""Points of the plot."""
KEPT_MS = USAGE_WINDOWS.retention_ms or 0
TOO_FAR = (
    f"windows are kept for {KEPT_MS // UNITS['d']} days, so calls before that are missing from the table and the plot; "
    "--reprice reads the log, which has them all"
)
MOST_LINES = 4
"""Names in the plot: more could not be told apart."""
PLOT_ROWS = 12


class By(StrEnum):
    """What calls are grouped by."""

    MODEL = "model"
    PROMPT = "prompt"
    WORKFLOW = "workflow"
    TENANT = "tenant"


class Asked(NamedTuple):
    """What the command is to find. since, until: epoch milliseconds."""

    by: By
    since: int
    until: int
    versions: bool
    reprice: bool


class Found(NamedTuple):
    """What the command shows. repriced: None when it was not asked for."""

    usage: Sequence[Usage]
    series: Series
    repriced: Sequence[Repriced] | None


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(usage)


def usage(
    *,
    by: Annotated[By, typer.Option(help="What calls are grouped by.")] = By.MODEL,
    since: Annotated[int, typer.Option(parser=duration, metavar="TIME", help="How far back: 90m, 1h, 7d.")] = "1h",  # type: ignore[assignment]  # Typer parses it
    versions: Annotated[
        bool,
        typer.Option("--versions", help="Tell versions apart: what a split did to cost, errors and latency."),
    ] = False,
    reprice: Annotated[
        bool,
        typer.Option("--reprice", help="Add what the log's calls cost by each model's newest prices."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what calls of models took: calls, errors, tokens, cost and latency, and calls over time.

    The usage meter counts them, a minute at a time; each is counted at least once. What a run cost, to the cent, is in
    its log.
    """
    if versions and by is By.TENANT:
        raise typer.BadParameter("tenants have no versions: leave out --versions, or ask --by prompt")
    if since > KEPT_MS:
        sys.stderr.write(f"headrace: {TOO_FAR}\n")
    until = time.time_ns() // 1_000_000
    found = asyncio.run(_find(Asked(by, until - since, until, versions=versions, reprice=reprice)))
    if as_json:
        print_json(_plain(found))
    else:
        _print(by, found)


async def _find(asked: Asked) -> Found:
    async with connected() as client:
        windows = [window for window in await _windows(client, asked.since) if window.by == asked.by]
        again = await _repriced(client, asked) if asked.reprice else None
    if asked.versions:
        windows = [with_versions(window) for window in windows]
    return Found(usage_by_name(windows), series(windows, asked.since, asked.until, STRETCHES), again)


async def _windows(client: Client, since: int) -> list[UsageWindow]:
    """The newest state of each window that ends later; none of them was written before it began."""
    entries = newest([seen async for seen in client.read(USAGE_WINDOWS, since=since)])
    return [one for one in entries.values() if isinstance(one, UsageWindow) and one.end > since]


async def _repriced(client: Client, asked: Asked) -> Sequence[Repriced]:
    prices = _prices(newest(await client.read_all(MODEL_STATE)))
    calls = [seen.event async for seen in client.read(MODEL_CALLS, since=asked.since)]
    those = [call for call in calls if isinstance(call, ModelCalled) and call.at >= asked.since]
    return repriced(asked.by, those, prices, versions=asked.versions)


def _prices(entries: Mapping[str, Any]) -> Mapping[str, Sequence[Costs]]:
    """The prices of each model's newest version."""
    heads = {name: head for name, head in entries.items() if isinstance(head, ResourceHead) and head.kind == "Model"}
    versions = {name: entries.get(f"{name}/{head.latest}") for name, head in heads.items()}
    return {
        name: ModelSpec.model_validate_json(version.spec).costs
        for name, version in versions.items()
        if isinstance(version, ResourceVersion)
    }


def _plain(found: Found) -> Mapping[str, Any]:
    rows = [{**one._asdict(), "costs": _amounts(one.costs), "mean_ms": round(one.mean_ms, 1)} for one in found.usage]
    plain: dict[str, Any] = {"usage": rows, "times": [*found.series.times], "calls": found.series.calls}
    if found.repriced is not None:
        plain["repriced"] = [
            {**one._asdict(), "then": _amounts(one.then), "now": _amounts(one.now)} for one in found.repriced
        ]
    return plain


def _amounts(costs: Mapping[str, Decimal]) -> Mapping[str, str]:
    return {currency: money(cost) for currency, cost in sorted(costs.items())}


def _told(costs: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in _amounts(costs).items()) or "nothing"


def _print(by: By, found: Found) -> None:
    console = Console()
    heads = (by.value, "calls", "errors", "in", "cached", "out", "cost", "mean ms", "slowest")
    table = Table(
        *(Column(head, no_wrap=head != by.value, overflow="fold") for head in heads), box=None, pad_edge=False
    )
    for one in found.usage:
        counts = (one.calls, one.errors, one.input_tokens, one.cached_tokens, one.output_tokens)
        times = (f"{one.mean_ms:.0f}", str(one.slowest_ms))
        table.add_row(quoted(one.name), *map(str, counts), quoted(_told(one.costs)), *times)
    console.print(table)
    if found.repriced is not None:
        console.print(_repriced_table(by, found.repriced))
    if found.usage:
        console.print(_plot(found, console.width))


def _repriced_table(by: By, rows: Sequence[Repriced]) -> Table:
    table = Table(by.value, "calls", "cost then", "by newest prices", "calls of models that are gone")
    for one in rows:
        table.add_row(
            quoted(one.name), str(one.calls), quoted(_told(one.then)), quoted(_told(one.now)), str(one.unpriced)
        )
    return table


def _plot(found: Found, width: int) -> Text:
    """Calls over time, of the names with most of them."""
    from plotext import figure  # noqa: PLC0415  # only here, and slow

    times = [f"{datetime.fromtimestamp(at / 1000, UTC).astimezone():%H:%M}" for at in found.series.times]
    figure.clear().plot_size(width, PLOT_ROWS).title("calls")
    for one in found.usage[:MOST_LINES]:
        signal = figure.signal(found.series.calls.get(one.name, [0] * len(times)))
        signal.lines(True)
        signal.label(printable(one.name))
        figure.draw(signal)
    step = max(len(times) // 6, 1)
    figure.ruler("x").ticks([*range(1, len(times) + 1, step)], times[::step])
    return Text.from_ansi(str(figure.build()))
