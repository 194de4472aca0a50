"""workflow upgrade-check: which runs in flight could go on with another version of their workflow."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from headrace.cli.deployed import newest
from headrace.cli.families import FAMILIES
from headrace.cli.session import Json, connected, print_json
from headrace.cli.text import quoted
from headrace.client import Client
from headrace.event import Event
from headrace.events.run import RunHead
from headrace.resource.catalog import Catalog, Resolved
from headrace.topics import RUN_STATE
from headrace.workflow.spec import WorkflowSpec
from headrace.workflow.upgrade import InFlight, in_flight, obstacles

WORKFLOW = FAMILIES["workflow"]
STAYS = "runs in flight stay on the version that they started with, whatever becomes of pointers"


class Checked(NamedTuple):
    """A run in flight, and why it could not go on."""

    run: str
    workflow: str
    obstacles: list[str]


def upgrade_check(
    reference: Annotated[str, typer.Argument(metavar="NAME@NEW", help="name@7, name@latest or name@production.")],
    *,
    as_json: Json = False,
) -> None:
    """List the runs in flight that could not go on with a version of their workflow, each with the reasons.

    Nothing is changed: runs in flight stay on the version that they started with. Exit code 1 when one could not go on.

    Example: `headrace workflow upgrade-check ask-the-docs@latest`
    """
    found, checked = asyncio.run(_check(reference))
    stuck = [one for one in checked if one.obstacles]
    if as_json:
        print_json({"workflow": str(found), "in_flight": [one._asdict() for one in checked], "note": STAYS})
    else:
        _tell(found, checked, stuck)
    if stuck:
        sys.exit(1)


def _tell(found: Resolved, checked: list[Checked], stuck: list[Checked]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in stuck:
        console.print(f"[red]✗[/] {quoted(one.run)} ({quoted(one.workflow)})")
        for obstacle in one.obstacles:
            console.print(f"    {quoted(obstacle)}")
    runs = "run" if len(checked) == 1 else "runs"
    mark = "[red]✗[/]" if stuck else "[green]✓[/]"
    console.print(
        f"{mark} {len(checked)} {runs} of {found.name} in flight; {len(checked) - len(stuck)} could go on with {found}"
    )
    console.print(STAYS)


async def _check(reference: str) -> tuple[Resolved, list[Checked]]:
    async with connected() as client:
        catalog = Catalog({"Workflow": newest(await client.read_all(WORKFLOW.domain.state))})
        found = catalog.find(WORKFLOW.kinds, reference)
        runs = await _in_flight(client, found.name)
    new = WorkflowSpec.model_validate(found.spec)
    checked = []
    for run_id, state in sorted(runs.items()):
        old = catalog.find(WORKFLOW.kinds, state.started.workflow)
        same = old.version == found.version
        reasons = [] if same else obstacles(state, WorkflowSpec.model_validate(old.spec), new)
        checked.append(Checked(run_id, state.started.workflow, reasons))
    return found, checked


async def _in_flight(client: Client, name: str) -> Mapping[str, InFlight]:
    """The runs of a workflow that have not ended, by id; what is left of ended ones is dropped while it is read."""
    parts: dict[str, dict[str, Event]] = defaultdict(dict)
    async for seen in client.read(RUN_STATE):
        run_id, _, part = seen.key.partition("/")
        if isinstance(seen.event, RunHead) and seen.event.status == "ended":
            parts.pop(run_id, None)
        elif seen.event:
            parts[run_id][part] = seen.event
        else:
            parts[run_id].pop(part, None)
    found = {run_id: in_flight(own) for run_id, own in parts.items()}
    return {
        run_id: state for run_id, state in found.items() if state and state.started.workflow.partition("@")[0] == name
    }
