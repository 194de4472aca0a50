"""A mistake in the program concerns one key: its run ends and says so, and all others go on."""

from collections.abc import Iterable, Sequence

import pytest

from headrace.errors import NotFound
from headrace.event import Event
from headrace.events import resource
from headrace.events import run as events_of
from headrace.kafka import partition_of
from headrace.machine import Context, Output, Tick, Unreadable
from headrace.resource.machine import ResourceMachine
from headrace.topics import MODEL_COMMANDS, MODEL_EVENTS, MODEL_STATE, NODE_REQUESTS, RUN_RESULTS
from tests.unit.engine import NOW, Shelf, check, context, graph, said, succeeded
from tests.unit.partitions import HOME, PARTITIONS, Owner, outcome, request
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine
from workflow_router.model import RunState

NEIGHBOUR = next(f"s{n}" for n in range(99) if partition_of(f"s{n}".encode(), PARTITIONS) == 0)
"""A run in the same partition."""


class Mistaken(RunMachine):
    """The rules, with a mistake in them: `step` can't bear what `broken` says, in one run."""

    def __init__(self, error: Exception, broken: type[Event], step: str = "decide") -> None:
        shelf = Shelf()
        shelf.put("Workflow", "w", graph("a b"))
        super().__init__(CatalogWorkflows(shelf.catalog))
        self._error, self._broken, self._step, self._key = error, broken, step, ""

    def _try(self, step: str, message: object) -> None:
        if self._key == HOME and step == self._step and isinstance(message, self._broken):
            raise self._error

    def decide(self, state: RunState, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        self._key = context.key
        self._try("decide", message)
        return super().decide(state, message, context)

    def seal(self, state: RunState, event: Event) -> Event:
        self._try("seal", event)
        return super().seal(state, event)

    def parts(self, before: RunState, state: RunState, event: Event) -> Iterable[tuple[str, Event | None]]:
        yield from super().parts(before, state, event)
        self._try("parts", event)

    def outputs(self, before: RunState, state: RunState, event: Event, context: Context) -> Iterable[Output]:
        yield from super().outputs(before, state, event, context)
        self._try("outputs", event)


@pytest.mark.parametrize(
    ("step", "broken"),
    [
        ("decide", type(succeeded("a"))),
        ("seal", events_of.NodeSucceeded),
        ("parts", events_of.NodeSucceeded),
        ("outputs", events_of.NodeScheduled),
    ],
)
def test_a_run_that_a_mistake_stops_fails_and_others_go_on(step: str, broken: type[Event]) -> None:
    machine = Mistaken(KeyError("n"), broken, step="")
    owner = Owner(machine)
    owner.batch(request(0, HOME), request(1, NEIGHBOUR))
    machine._step = step
    owner.sent.clear()
    owner.batch(*(outcome(number, key, succeeded("a")) for number, key in enumerate((HOME, HOME, NEIGHBOUR))))
    assert said(owner.events()) == ["run failed internal_error", "succeeded a#1 b", "scheduled b#1 {}"]
    (result,) = owner.events(RUN_RESULTS)
    assert isinstance(result, events_of.RunFailed)
    assert "(KeyError)" in result.message
    assert owner.memory.position == {"run.requests": 2, "node.outcomes": 3}
    assert [key for key, _, _ in owner.on(NODE_REQUESTS["template"].name)] == [NEIGHBOUR.encode()]


def test_a_request_that_a_mistake_stops_is_refused() -> None:
    owner = Owner(Mistaken(RecursionError("deep"), events_of.StartRun))
    owner.batch(request(0, HOME))
    assert said(owner.events()) == ["run failed internal_error"]
    assert len(owner.events(RUN_RESULTS)) == 1
    owner.batch(outcome(0, HOME, succeeded("a")))
    assert len(owner.events()) == 1


def test_a_table_that_is_behind_is_no_mistake() -> None:
    owner = Owner(Mistaken(NotFound("workflow_not_found", "not there yet"), events_of.StartRun))
    with pytest.raises(NotFound):
        owner.batch(request(0, HOME))


def test_a_change_that_a_mistake_stops_is_refused() -> None:
    machine = ResourceMachine("shelf", (MODEL_COMMANDS, MODEL_EVENTS, MODEL_STATE), check)
    command = resource.CreateVersion(kind="Model", spec="{}", actor="ada")
    (refused,) = machine.broken(machine.initial("m"), command, context("m"), ValueError("s3cret"))
    assert isinstance(refused, resource.ChangeRefused)
    assert "s3cret" not in refused.message
    assert (refused.code, refused.command, refused.actor, refused.at) == ("internal_error", "CreateVersion", "ada", NOW)
