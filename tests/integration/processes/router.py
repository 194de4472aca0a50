"""The machine of runs in a process of its own: `python -m tests.integration.processes.router ORDERS`.

It knows two workflows that need no worker: `waiting` waits for the signal `go`, `brief` is over as soon as it begins.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from headrace.event import Event
from headrace.events import resource
from headrace.machine import Context, Output, run_machine
from headrace.resource.catalog import Catalog
from headrace.service import Service, open_codec, run
from headrace.topics import NODE_OUTCOMES, RUN_CHILDREN, RUN_EVENTS, RUN_REQUESTS, RUN_RESULTS, RUN_STATE, Topic
from tests.integration.processes import Orders, Trap
from tests.support.topics import renamed
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine
from workflow_router.model import RunState

DAY_MS = 86_400_000
SPECS: Mapping[str, Mapping[str, Any]] = {
    "waiting": {
        "nodes": {"approval": {"type": "wait", "config": {"signal": "go"}, "timeout_ms": DAY_MS}},
        "output": {"said": "nodes.approval.output"},
        "timeout_ms": DAY_MS,
    },
    "brief": {"nodes": {"nap": {"type": "delay", "input": {"ms": "0"}}}, "output": {"done": "true"}},
}


def topics(suffix: str) -> tuple[Topic, ...]:
    """Requests, children, outcomes, log, state and results."""
    return renamed(suffix, RUN_REQUESTS, RUN_CHILDREN, NODE_OUTCOMES, RUN_EVENTS, RUN_STATE, RUN_RESULTS)


class Router(RunMachine):
    """All runs of a test."""

    def __init__(self, suffix: str) -> None:
        super().__init__(CatalogWorkflows(_catalog()))
        requests, children, outcomes, self.log, self.state, self._results = topics(suffix)
        self.name = f"router.{suffix}"
        self.inputs = (requests, children, outcomes)
        self.commands = (requests, children)

    def outputs(self, before: RunState, state: RunState, event: Event, context: Context) -> Iterable[Output]:
        """Results, on the test's own topic."""
        return [output._replace(topic=self._results) for output in super().outputs(before, state, event, context)]


def _catalog() -> Catalog:
    entries: dict[str, Event] = {}
    for name, spec in SPECS.items():
        text = json.dumps(spec)
        digest = hashlib.sha256(text.encode()).hexdigest()
        entries[name] = resource.ResourceHead(kind="Workflow", latest=1, pointers={"production": 1})
        entries[f"{name}/1"] = resource.ResourceVersion(kind="Workflow", version=1, digest=digest, spec=text, at=0)
    return Catalog(dict.fromkeys(("Prompt", "Model", "ModelAlias", "Workflow"), entries))


async def start(service: Service, orders: Orders) -> None:
    """As a service's bootstrap does it."""
    settings = orders.settings
    codec = await open_codec(service, settings, topics(orders.suffix))
    service.spawn(run_machine(Router(orders.suffix), codec, settings.kafka, service, probe=Trap(orders)))


if __name__ == "__main__":
    given = Orders.model_validate_json(sys.argv[1])
    run("router", given.settings, lambda service: start(service, given))
