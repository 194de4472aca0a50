"""Whatever workflow runs, and however its nodes end: what is told of it is what the engine did."""

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headrace.events import run
from headrace.workflow.drawing import marked, mermaid, picture_of
from headrace.workflow.explained import explain
from headrace.workflow.reasons import Choice
from headrace.workflow.spec import EdgeSpec, WorkflowSpec
from headrace.workflow.upgrade import in_flight, obstacles
from tests.unit.engine import Run, Shelf, a_run
from tests.unit.graphs import CHILD, workflows

MOST_STEPS = 60


def started(spec: dict[str, Any], yes: bool) -> Run:
    shelf = Shelf()
    shelf.put("Workflow", "child", CHILD)
    shelf.put("Workflow", "w", spec)
    found = a_run(shelf=shelf)
    found.start({"yes": yes})
    return found


def step(running: Run, name: str, well: bool) -> None:
    """Let a node that is waited for end, or time go by until something else is due."""
    attempt = running.state.outstanding[name]
    place: dict[str, Any] = {"attempt": attempt.attempt, "iteration": attempt.iteration}
    if attempt.status != "scheduled":
        running.tick(1_000)
    elif attempt.type == "wait":
        running.receive(run.SignalRun(signal="s", payload=json.dumps({"yes": well})))
    elif well:
        running.succeed(name, {"yes": well}, **place)
    else:
        running.fail(name, **place)


@given(workflows(), st.booleans(), st.data())
def test_what_is_told_is_what_happened(spec: dict[str, Any], yes: bool, data: st.DataObject) -> None:
    workflow = WorkflowSpec.model_validate(spec)
    running = started(spec, yes)
    for _ in range(MOST_STEPS):
        same_version_is_no_obstacle(running, workflow)
        told_is_logged(running, workflow)
        waiting = sorted(running.state.outstanding)
        if running.state.status == "ended" or not waiting:
            break
        step(running, data.draw(st.sampled_from(waiting)), data.draw(st.sampled_from([True, True, True, False])))


def same_version_is_no_obstacle(running: Run, workflow: WorkflowSpec) -> None:
    state = in_flight(running.parts)
    assert (state is None) == (running.state.status == "ended")
    if state:
        assert obstacles(state, workflow, workflow) == []


def told_is_logged(running: Run, workflow: WorkflowSpec) -> None:
    path = explain(running.key, running.log, workflow)
    choices = [choice for visit in path.visits for choice in visit.choices]
    assert Counter((one.source, one.target) for one in choices if one.taken) == Counter(logged(running))
    for one in choices:
        assert agrees(one, workflow.edges[one.edge]), one
    assert path.states().keys() <= workflow.nodes.keys()
    assert mermaid(marked(picture_of("w", workflow), path))


def logged(running: Run) -> list[tuple[str, str]]:
    """Edges that the log says were taken."""
    ended = (event for event in running.log if isinstance(event, run.NodeSucceeded | run.NodeFailed))
    return [(event.node, target) for event in ended for target in event.taken]


def agrees(choice: Choice, edge: EdgeSpec) -> bool:
    """Whether a condition that is asked again says what the log says."""
    if edge.when is None or not choice.why.startswith("`"):
        return choice.taken or "`" not in choice.why
    holds = choice.why.startswith(f"`{edge.when}` is true")
    return holds == choice.taken or (holds and "max_iterations is reached" in choice.why)
