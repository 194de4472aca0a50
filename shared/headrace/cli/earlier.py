"""Say that a run was there before, and what it was asked for that the request at hand is not."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.cli.deployed import catalog_of
from headrace.cli.hops import clock, short
from headrace.cli.text import printable
from headrace.client import Client
from headrace.events.run import RunStarted, StartRun
from headrace.resource.catalog import Catalog
from headrace.resource.naming import VERSION
from headrace.seen import Seen
from headrace.workflow import InvalidWorkflow, compile_workflow


async def tell_earlier(client: Client, run_id: str, first: Seen, request: StartRun) -> None:
    """Say on standard error that nothing was started; warn of what is not the same as in the earlier request.

    first: the first record of the run's log; of a run that was refused it says nothing of what was asked for.
    """
    since = f"exists since {clock(first.at)}"
    sys.stderr.write(f"headrace: run {run_id} {since}; nothing was started now, what follows is the earlier run\n")
    if isinstance(started := first.event, RunStarted):
        given = _with_defaults(await catalog_of(client), started, json.loads(request.input))
        for difference in differences(started, request, given):
            sys.stderr.write(f"warning: the earlier run was asked for something else, which holds: {difference}\n")


def differences(started: RunStarted, request: StartRun, given: Mapping[str, Any]) -> Iterator[str]:
    """What a run was asked for that a request is not, in words. given: the request's input, with defaults."""
    name, _, wanted = request.workflow.partition("@")
    known, _, version = started.workflow.partition("@")
    number = VERSION.fullmatch(wanted)
    if name != known or (number and number[1] != version):
        yield f"it runs {started.workflow}, not {printable(request.workflow)}"
    elif given != json.loads(started.input):
        yield f"its input is {short(started.input)}, not {short(request.input)}"
    if request.sticky != started.sticky:
        yield f"its sticky key is {_named(started.sticky)}, not {_named(request.sticky)}"


def _with_defaults(catalog: Catalog, started: RunStarted, given: dict[str, Any]) -> Mapping[str, Any]:
    """An input as the earlier run's workflow would have taken it."""
    name, _, version = started.workflow.partition("@")
    try:
        return compile_workflow(catalog.pinned("Workflow", name, int(version)).spec).with_defaults(given)
    except InvalidWorkflow:  # this version of Headrace checks more than the one that took it in
        return given


def _named(sticky: str | None) -> str:
    return "none" if sticky is None else repr(short(sticky))
