"""What is proven about a workflow is so: checked on random workflows, by running them with the rules of the engine."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headrace.events import run as events_of
from headrace.events.node import ExecuteNode
from headrace.workflow.graph import reachable, reversed_graph
from headrace.workflow.proof import Example, Finding, findings
from headrace.workflow.spec import WorkflowSpec
from tests.unit.engine import Shelf, a_run, failed, succeeded
from tests.unit.graphs import CHILD, workflows
from tests.unit.stories import ACTIONS, FROM_A_CHILD, Story, a_story
from workflow_router.model import ENDED

GRAPHS = 100
"""Random workflows for each property, at least; `make prove` tries 5,000."""
TRIED = settings(
    max_examples=max(GRAPHS, settings().max_examples),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@st.composite
def risky(draw: st.DrawFn) -> dict[str, Any]:
    """A workflow of work and children, with one more expression, which looks at another node without asking first."""
    spec = draw(workflows(kinds=("work", "work", "work", "child")))
    _complete(spec)
    before = reversed_graph(_forward(spec))
    readers = [name for name in spec["nodes"] if reachable(before, name)]
    reader = draw(st.sampled_from([*readers, "output"]))
    seen = sorted(reachable(before, reader)) if reader != "output" else sorted(spec["nodes"])
    target = draw(st.sampled_from(seen))
    text = f"nodes.{target}.output.yes"
    if reader == "output":
        spec["output"]["risk"] = text
    else:
        node = spec["nodes"][reader]
        node["input"] = {**node.get("input", {}), "risk": text}
    return spec


def _complete(spec: dict[str, Any]) -> None:
    """Let something follow each node, whatever its conditions say."""
    for name in spec["nodes"]:
        edges = [
            edge for edge in spec["edges"] if edge["from"] == name and not {"on_error", "max_iterations"} & {*edge}
        ]
        if edges and all("when" in edge for edge in edges):
            del edges[-1]["when"]
            if edges[1:]:
                edges[-1]["else"] = True


def _forward(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    graph: dict[str, list[str]] = {name: [] for name in spec["nodes"]}
    for edge in spec["edges"]:
        if "max_iterations" not in edge and edge["to"] not in graph[edge["from"]]:
            graph[edge["from"]].append(edge["to"])
    return graph


def found(spec: Mapping[str, Any], code: str) -> list[Finding]:
    return [finding for finding in every(spec) if finding.fault.code == code]


def every(spec: Mapping[str, Any]) -> list[Finding]:
    return findings(WorkflowSpec.model_validate(spec))


@TRIED
@given(risky(), st.booleans(), ACTIONS)
def test_in_a_workflow_without_faults_no_expression_ever_misses_a_node(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    assume(not {finding.fault.code for finding in every(spec)} - {"dead_end"})
    story = a_story(spec, yes, actions)
    story.answer_everything()
    assert not [event for event in story.run.log if getattr(event, "code", "") == "expression_failed"]


@TRIED
@given(risky())
def test_what_may_be_missing_is_missing_in_the_run_that_the_proof_names(spec: dict[str, Any]) -> None:
    missing = found(spec, "maybe_not_run")
    assume(missing)
    (finding,) = missing
    story = told(spec, finding)
    failures = [event for event in story.run.log if getattr(event, "code", "") == "expression_failed"]
    assert failures, finding


@TRIED
@given(workflows(kinds=("work", "child")))
def test_where_nothing_may_follow_nothing_follows_in_the_run_that_the_proof_names(spec: dict[str, Any]) -> None:
    finding = next(iter(found(spec, "missing_else")), None)
    assume(finding)
    assert finding is not None
    name = spec["edges"][finding.fault.path[1]]["from"]
    story = told(spec, finding)
    ends = [event for event in story.run.log if isinstance(event, events_of.NodeSucceeded) and event.node == name]
    assert ends
    assert ends[-1].taken == ()


@TRIED
@given(workflows(), st.booleans(), ACTIONS)
def test_what_no_run_starts_is_never_started(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    never = {finding.fault.path[1] for code in UNREACHABLE for finding in found(spec, code)}
    assume(never)
    story = a_story(spec, yes, actions)
    story.answer_everything()
    assert not never & {event.node for event in story.run.log if isinstance(event, events_of.NodeScheduled)}


UNREACHABLE = ("unreachable_node", "join_never_completes")


def told(spec: dict[str, Any], finding: Finding) -> Story:
    """The run that a finding names: what fails, fails, what is true is true, and what is slow comes last."""
    example = finding.example or Example()
    shelf = Shelf()
    shelf.put("Workflow", "child", CHILD)
    story = Story(a_run({**spec, "timeout_ms": 86_400_000}, shelf=shelf))
    story.begin(example.facts.get("input.yes", False))
    late = {name for name, there in example.noticed.items() if not there} | {example.slow}
    while story.run.state.status != ENDED and story.waiting:
        story.waiting.sort(key=lambda work: _place(work)[0] in late)
        work = story.waiting.pop(0)
        name, iteration, attempt = _place(work)
        place = FROM_A_CHILD if isinstance(work, events_of.StartChild) else "node.outcomes-0-1"
        if example.failing.get(name, False):
            story.deliver(failed(name, attempt, iteration=iteration, retryable=False), place)
        else:
            yes = example.facts.get(f"nodes.{name}.output.yes", False)
            story.deliver(succeeded(name, {"yes": yes}, attempt, iteration=iteration), place)
    return story


def _place(work: ExecuteNode | events_of.StartChild) -> tuple[str, int, int]:
    where = work.parent if isinstance(work, events_of.StartChild) else work
    return where.node, where.iteration, where.attempt
