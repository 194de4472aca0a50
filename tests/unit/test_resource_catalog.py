"""What references mean, for new runs and for runs that are pinned: given commands, then versions."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.resource import (
    MovePointer,
    PauseWorkflow,
    ProtectPointer,
    ResumeWorkflow,
    RetireVersion,
    Share,
)
from headrace.resource.splits import chosen
from tests.unit.engine import Shelf

WEIGHTS = st.lists(st.integers(1, 1_000), min_size=2, max_size=10)
WORKFLOW = {
    "nodes": {"a": {"type": "template", "config": {"templates": {"text": "hi"}}}},
    "output": {"text": "nodes.a.output.text"},
}
KEYS = [str(number) for number in range(2_000)]


def split(*weights: int) -> tuple[Share, ...]:
    """Versions from 1 by weight."""
    return tuple(Share(version=number, weight=weight) for number, weight in enumerate(weights, 1))


@given(WEIGHTS)
def test_shares_come_out_near_their_weights(weights: list[int]) -> None:
    counted = Counter(chosen(split(*weights), key) for key in KEYS)
    for version, weight in enumerate(weights, 1):
        expected = weight / sum(weights)
        deviation = (expected * (1 - expected) / len(KEYS)) ** 0.5
        assert abs(counted[version] / len(KEYS) - expected) < 5 * deviation + 1 / len(KEYS)


@given(WEIGHTS, st.text())
def test_equal_keys_get_equal_versions(weights: list[int], key: str) -> None:
    assert chosen(split(*weights), key) == chosen(split(*weights), key)


@given(st.integers(1, 1_000), st.lists(st.integers(1, 1_000), min_size=2, max_size=5, unique=True), st.text())
def test_who_has_the_canary_keeps_it_while_its_weight_grows(weight: int, canary: list[int], key: str) -> None:
    has_it = [chosen(split(weight, growing), key) == 2 for growing in sorted(canary)]
    assert all(after or not before for before, after in pairwise(has_it))


def test_a_key_keeps_its_version_when_headrace_is_upgraded() -> None:
    dealt = [chosen(split(5, 3, 2), "Prompt", "p", "production", str(number)) for number in range(12)]
    assert dealt == [1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 3, 2]


def test_pointers_split_independently_of_each_other() -> None:
    even = split(1, 1)
    same = sum(
        chosen(even, "Prompt", "a", "production", key) == chosen(even, "Prompt", "b", "production", key) for key in KEYS
    )
    assert 0.4 < same / len(KEYS) < 0.6


def a_shelf(*commands: Event) -> Shelf:
    """With three versions of the prompt p; production stands at 1, staging at 3."""
    shelf = Shelf()
    for number in (1, 2, 3):
        pointer = {1: "production", 3: "staging"}.get(number)
        shelf.put("Prompt", "p", {"text": f"hi {number}"}, pointer=pointer)
    for command in commands:
        shelf.change("p", command)
    return shelf


def version(shelf: Shelf, ref: str, sticky: str | None = None) -> int:
    return shelf.catalog.resolve(("Prompt",), ref, sticky).version


def test_a_split_is_resolved_by_the_sticky_key_and_without_one_to_the_pointers_own() -> None:
    shelf = a_shelf(MovePointer(pointer="production", version=1, split=split(1, 1)))
    found = Counter(version(shelf, "p", key) for key in KEYS)
    assert min(found[1], found[2]) > 800
    assert version(shelf, "p") == 1
    assert {version(shelf, "p@staging", key) for key in KEYS} == {3}


def test_a_retired_version_is_for_no_new_run_but_for_those_that_are_pinned_to_it() -> None:
    shelf = a_shelf(RetireVersion(version=2))
    with pytest.raises(NotFound, match="Prompt p@2 is retired, no new run may use it") as caught:
        version(shelf, "p@2")
    assert caught.value.code == "prompt_version_retired"
    assert shelf.catalog.pinned("Prompt", "p", 2).spec == {"text": "hi 2"}
    assert shelf.catalog.find(("Prompt",), "p@2").status == "retired"


def test_the_latest_is_the_newest_that_is_not_retired() -> None:
    moves: list[Event] = [MovePointer(pointer="staging", version=1), RetireVersion(version=3)]
    assert version(a_shelf(*moves), "p@latest") == 2


def test_a_pin_of_what_never_was_says_so() -> None:
    with pytest.raises(NotFound, match="no version 7 of Prompt 'p'"):
        a_shelf().catalog.pinned("Prompt", "p", 7)


def test_everything_about_a_resource_is_on_its_state_topic() -> None:
    share = MovePointer(pointer="production", version=1, split=split(1, 1))
    wait = MovePointer(pointer="staging", version=1, split=split(2, 1), actor="ada")
    shelf = a_shelf(share, ProtectPointer(pointer="staging"), wait)
    shelf.put("Prompt", "p", {"text": "hi 4"}, pointer=None)
    shelf.change("p", RetireVersion(version=4))
    assert shelf.state("p").proposals
    assert shelf.restored("p") == shelf.state("p")


def test_who_asks_is_told_whether_a_workflow_is_paused_until_it_is_resumed() -> None:
    shelf = Shelf()
    for name in ("w", "other"):
        shelf.put("Workflow", name, WORKFLOW)
    shelf.change("w", PauseWorkflow(actor="ann", reason="floods"))

    held = shelf.catalog.paused("Workflow", "w")
    assert held
    assert (held.actor, held.reason) == ("ann", "floods")
    assert shelf.restored("w") == shelf.state("w")
    assert [shelf.catalog.paused("Workflow", name) for name in ("other", "none")] == [None, None]

    shelf.change("w", ResumeWorkflow())
    assert shelf.catalog.paused("Workflow", "w") is None
    assert shelf.restored("w") == shelf.state("w")
