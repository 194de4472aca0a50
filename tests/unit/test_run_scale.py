"""What a step costs the router: the same however long a run is, and however many items a map has."""

import json
import statistics
import time
from collections.abc import Mapping
from typing import Any

from headrace.resource import specs
from tests.bench.__main__ import chain
from tests.unit.engine import NOW, Shelf, succeeded
from tests.unit.partitions import HOME, START, Owner, outcome, request
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine

NOISE = 1.7
"""How many times as much CPU time an equal step may seem to take on a busy machine."""
MEASURED = 60
VALIDATED_S = 0.2


def mapped(items: int) -> dict[str, Any]:
    """A run over so many lists of 60 numbers, of which five are under way."""
    spread = {"over": "input.lists", "concurrency": 5, "max_items": items}
    node = {"type": "template", "input": {"numbers": "item"}, "map": spread}
    return {"nodes": {"each": node}, "output": {"done": "true"}}


def cost(owner: Owner, name: str) -> float:
    """Seconds of CPU time that an outcome takes the owner of its run."""
    assert HOME in owner.memory.states, "it has ended"
    began = time.process_time()
    owner.batch(outcome(0, HOME, succeeded(name, {"value": "v"}, started_at=NOW, finished_at=NOW)))
    return time.process_time() - began


def begun(spec: Mapping[str, Any], value: Mapping[str, Any]) -> Owner:
    shelf = Shelf()
    shelf.put("Workflow", "w", spec)
    owner = Owner(RunMachine(CatalogWorkflows(shelf.catalog)))
    owner.batch(request(0, HOME, type(START)(workflow="w", input=json.dumps(value))))
    return owner


def test_an_instance_of_a_map_costs_the_same_however_many_items_there_are() -> None:
    few, many = (begun(mapped(items), {"lists": [[0] * 60] * items}) for items in (100, 1_000))
    pairs = [(cost(few, f"each[{index}]"), cost(many, f"each[{index}]")) for index in range(MEASURED)]
    short, long = zip(*pairs, strict=True)
    assert statistics.median(long) < NOISE * statistics.median(short)


def test_a_step_costs_the_same_however_long_the_run_is() -> None:
    owner = begun(json.loads(chain(400, False)), {"value": "hello"})
    costs = [cost(owner, f"n{number}") for number in range(399)]
    assert statistics.median(costs[-MEASURED:]) < NOISE * statistics.median(costs[:MEASURED])


def test_a_workflow_of_200_nodes_is_validated_in_200_ms() -> None:
    spec = json.loads(chain(200, False))

    def seconds() -> float:
        began = time.process_time()
        assert specs.check("Workflow", spec) == []
        return time.process_time() - began

    assert min(seconds() for _ in range(5)) < VALIDATED_S
