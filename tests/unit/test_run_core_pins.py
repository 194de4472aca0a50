"""What a run is bound to, and what its workers get of it: given resources, when a run starts."""

from collections.abc import Mapping
from typing import Any

import pytest

from headrace.events import run as events_of
from headrace.events.resource import MovePointer, RetireVersion, Share
from headrace.resource.prompt import DEEPEST_USES, MOST_USES
from tests.unit.engine import Run, Shelf, a_run, graph
from tests.unit.test_run_core_start import MODEL, config, refusal

ASK: Mapping[str, Any] = {"type": "model_invoke", "config": {"prompt": "ask", "model": "writer"}}
CANARY = (Share(version=1, weight=90), Share(version=2, weight=10))
EVEN = (Share(version=1, weight=1), Share(version=2, weight=1))


def prompt(shelf: Shelf, name: str, text: str = "hi", pointer: str | None = "production", **uses: str) -> None:
    shelf.put("Prompt", name, {"text": text, "uses": uses}, pointer=pointer)


def a_shelf(**alias: Any) -> Shelf:
    """A workflow that asks a model behind an alias."""
    shelf = Shelf()
    for name in ("large", "small", "tiny"):
        shelf.put("Model", name, {**MODEL, "model": name})
    shelf.put("ModelAlias", "writer", {"model": "large", **alias})
    shelf.put("Workflow", "w", graph(a=ASK))
    return shelf


def started(shelf: Shelf, key: str = "r1", **fields: Any) -> Run:
    run = a_run(shelf=shelf, key=key)
    first, *_ = run.start(**fields)
    assert isinstance(first, events_of.RunStarted), first
    return run


def pinned(run: Run, kind: str) -> list[str]:
    return [f"{pin.name}@{pin.version}" for pin in run.state.start.pins if pin.kind == kind]


def test_the_fallbacks_of_an_alias_are_pinned_and_go_to_the_worker_in_their_order() -> None:
    shelf = a_shelf(fallbacks=["tiny@1", "small"])
    prompt(shelf, "ask")
    run = started(shelf)
    assert pinned(run, "Model") == ["large@1", "tiny@1", "small@1"]
    found = config(run, "a")
    assert [one["spec"]["model"] for one in found["fallbacks"]] == ["tiny", "small"]
    assert (found["model"]["name"], found["model"]["alias"]) == ("large", {"name": "writer", "version": 1})


def test_a_fallback_that_is_retired_is_left_out() -> None:
    shelf = a_shelf(fallbacks=["tiny@1", "small"])
    prompt(shelf, "ask")
    shelf.put("Model", "tiny", {**MODEL, "model": "new"})
    shelf.change("tiny", RetireVersion(version=1))
    retire_by_its_entry(shelf, "small")
    run = started(shelf)
    assert (pinned(run, "Model"), config(run, "a")["fallbacks"]) == (["large@1"], [])


def retire_by_its_entry(shelf: Shelf, name: str) -> None:
    shelf.put("Model", name, {**MODEL, "model": name, "status": "retired"})


def test_a_fallback_that_does_not_exist_refuses_the_run() -> None:
    shelf = a_shelf(fallbacks=["none"])
    prompt(shelf, "ask")
    assert refusal(a_run(shelf=shelf).start()).code == "model_not_found"


@pytest.mark.parametrize("name", ["writer", "large"])
def test_a_retired_model_refuses_the_run(name: str) -> None:
    shelf = a_shelf(fallbacks=["small"])
    prompt(shelf, "ask")
    shelf.put("Workflow", "w", graph(a={**ASK, "config": {"prompt": "ask", "model": name}}))
    retire_by_its_entry(shelf, "large")
    event = refusal(a_run(shelf=shelf).start())
    assert (event.code, "model large@2 is retired" in event.message) == ("model_retired", True)


@pytest.mark.parametrize(("ref", "code"), [("w@1", "workflow_version_retired"), ("w", "prompt_version_retired")])
def test_a_retired_version_starts_no_new_run(ref: str, code: str) -> None:
    shelf = a_shelf()
    prompt(shelf, "ask", pointer=None)
    shelf.put("Workflow", "w", graph(a={**ASK, "config": {"prompt": "ask@1", "model": "writer"}}))
    shelf.change("ask", RetireVersion(version=1))
    shelf.change("w", RetireVersion(version=1))
    assert refusal(a_run(shelf=shelf).start(workflow=ref)).code == code


def test_a_run_in_flight_goes_on_with_what_was_retired_since() -> None:
    shelf = a_shelf()
    prompt(shelf, "ask", "old")
    shelf.put("Workflow", "w", graph("a b", b=ASK))
    run = started(shelf)
    prompt(shelf, "ask", "new")
    shelf.change("ask", RetireVersion(version=1))
    run.succeed("a")
    assert config(run, "b")["prompt"]["spec"]["text"] == "old"


def test_prompts_that_a_prompt_uses_are_pinned_and_go_along_by_their_names() -> None:
    shelf = a_shelf()
    prompt(shelf, "tone", "plain")
    prompt(shelf, "style", tone="tone")
    prompt(shelf, "ask", style="style", voice="tone@1")
    run = started(shelf)
    prompt(shelf, "tone", "changed since")
    assert pinned(run, "Prompt") == ["ask@1", "style@1", "tone@1", "tone@1"]
    uses = config(run, "a")["prompt"]["uses"]
    assert uses["voice"]["spec"]["text"] == "plain"
    assert (uses["style"]["name"], uses["style"]["uses"]["tone"]["version"]) == ("style", 1)
    assert len(uses["style"]["uses"]["tone"]["digest"]) == 64


def test_a_used_prompt_that_does_not_exist_refuses_the_run() -> None:
    shelf = a_shelf()
    prompt(shelf, "ask", tone="none")
    event = refusal(a_run(shelf=shelf).start())
    assert (event.code, "'none'" in event.message) == ("prompt_not_found", True)


def test_prompts_that_use_each_other_in_a_circle_refuse_the_run_which_names_it() -> None:
    shelf = a_shelf()
    prompt(shelf, "ask", style="style")
    prompt(shelf, "style", tone="tone")
    prompt(shelf, "tone", style="style@1")
    event = refusal(a_run(shelf=shelf).start())
    assert event.code == "prompt_reference_cycle"
    assert "style@1 → tone@1 → style@1" in event.message


def test_a_prompt_may_use_an_older_version_of_itself() -> None:
    shelf = a_shelf()
    prompt(shelf, "ask", "first")
    prompt(shelf, "ask", "second", before="ask@1")
    assert pinned(started(shelf), "Prompt") == ["ask@2", "ask@1"]


def chain(shelf: Shelf, length: int, width: int = 1) -> None:
    """`ask` uses p1, which uses p2, and so on; each as often as `width` says."""
    names = ["ask", *(f"p{number}" for number in range(1, length + 1))]
    for name, used in zip(names, [*names[1:], None], strict=True):
        prompt(shelf, name, **{f"u{number}": used for number in range(width) if used})


def test_prompts_use_each_other_to_a_depth() -> None:
    shelf = a_shelf()
    chain(shelf, DEEPEST_USES)
    assert len(pinned(started(shelf), "Prompt")) == DEEPEST_USES + 1


@pytest.mark.parametrize(("length", "width"), [(DEEPEST_USES + 1, 1), (DEEPEST_USES, 10), (1, MOST_USES)])
def test_prompts_that_lead_to_too_many_refuse_the_run(length: int, width: int) -> None:
    shelf = a_shelf()
    chain(shelf, length, width)
    event = refusal(a_run(shelf=shelf).start())
    assert (event.code, "ask@1 uses too many prompts" in event.message) == ("prompt_references_too_many", True)


def a_split_shelf() -> Shelf:
    shelf = a_shelf()
    prompt(shelf, "ask", "old")
    prompt(shelf, "ask", "new", pointer=None)
    shelf.change("ask", MovePointer(pointer="production", version=1, split=EVEN))
    return shelf


@pytest.mark.parametrize("fields", [{"sticky": "customer 7"}, {"session": "s"}, {"sticky": "k", "session": "s"}])
def test_equal_sticky_keys_are_bound_to_equal_versions(fields: dict[str, str]) -> None:
    shelf = a_split_shelf()
    runs = [started(shelf, f"r{number}", **fields) for number in range(20)]
    assert len({(*pinned(run, "Prompt"),) for run in runs}) == 1
    assert {run.state.start.sticky for run in runs} == {fields.get("sticky")}


def test_a_pin_says_how_much_of_the_traffic_its_version_was_dealt() -> None:
    shelf = a_split_shelf()
    shelf.change("ask", MovePointer(pointer="production", version=1, split=CANARY))
    pins = [pin for number in range(40) for pin in started(shelf, f"r{number}").state.start.pins]
    dealt = {(pin.name, pin.version): (pin.weight, pin.weights) for pin in pins}
    assert (dealt["ask", 1], dealt["ask", 2]) == ((90, 100), (10, 100))
    assert {dealt[name, 1] for name in ("w", "writer", "large")} == {(0, 0)}


def test_a_version_that_is_named_was_not_dealt() -> None:
    shelf = a_split_shelf()
    shelf.put("Workflow", "w", graph(a={**ASK, "config": {"prompt": "ask@2", "model": "writer"}}))
    (pin,) = (pin for pin in started(shelf).state.start.pins if pin.kind == "Prompt")
    assert (pin.version, pin.weight, pin.weights) == (2, 0, 0)


def test_without_a_sticky_key_each_run_is_bound_by_its_id() -> None:
    shelf = a_split_shelf()
    assert {(*pinned(started(shelf, f"r{number}"), "Prompt"),) for number in range(20)} == {("ask@1",), ("ask@2",)}


def test_the_sticky_key_counts_before_the_session() -> None:
    shelf = a_split_shelf()
    runs = [started(shelf, "r", sticky=f"{number}", session="s") for number in range(20)]
    assert len({(*pinned(run, "Prompt"),) for run in runs}) == 2


def test_a_workflow_may_be_split_too() -> None:
    shelf = a_split_shelf()
    shelf.put("Workflow", "w", graph(other={}), pointer=None)
    shelf.change("w", MovePointer(pointer="production", version=1, split=EVEN))
    assert {started(shelf, f"r{number}").state.start.workflow for number in range(20)} == {"w@1", "w@2"}


def test_each_prompt_that_a_node_names_has_its_own_measure() -> None:
    shelf = a_shelf()
    prompt(shelf, "tone")
    for name in ("ask", "tell"):
        prompt(shelf, name, **{f"u{number}": "tone" for number in range(MOST_USES - 1)})
    shelf.put("Workflow", "w", graph(a=ASK, b={**ASK, "config": {"prompt": "tell", "model": "writer"}}))
    assert pinned(started(shelf), "Prompt") == ["ask@1", "tone@1", "tell@1"]
