"""Which version each reference of a run meant, and why that one."""

from collections.abc import Iterable
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from headrace.cli.text import printable
from headrace.events.run import Pin, RunStarted
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.resource.naming import LATEST, VERSION


def pins_of(run: str, started: RunStarted) -> list[dict[str, Any]]:
    """A run's pins for programs, each with a `why` for people; `weight` of `weights` when a split dealt its version."""
    key = _sticky_key(run, started)
    return [
        {
            "kind": pin.kind,
            "name": pin.name,
            "version": pin.version,
            "ref": pin.ref,
            "digest": pin.digest,
            "weight": pin.weight or None,
            "weights": pin.weights or None,
            "why": _why(pin, key),
        }
        for pin in started.pins
    ]


def pins_table(pins: Iterable[dict[str, Any]]) -> Table:
    """A row a pin."""
    table = Table(
        *(Column(name, overflow="fold") for name in ("pinned", "version", "because")), box=None, pad_edge=False
    )
    for pin in pins:
        cells = (pin["kind"], f"{pin['name']}@{pin['version']}", pin["why"])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _why(pin: Pin, key: str) -> str:
    wanted = pin.ref.partition("@")[2] or DEFAULT_POINTER
    if pin.weights:
        return f"{wanted} deals it to {pin.weight} of {pin.weights}, by {key}"
    if VERSION.fullmatch(wanted):
        return f"{pin.ref} names it"
    return "it was the newest" if wanted == LATEST else f"{wanted} stood on it"


def _sticky_key(run: str, started: RunStarted) -> str:
    """What a run was dealt its versions by: as workflow_router chooses."""
    if started.parent:
        return f"the key of run {started.parent.run}"
    if started.sticky:
        return f"sticky key {started.sticky}"
    return f"session {started.session}" if started.session else f"run id {run}"
