"""The rules for resources: given events, when a command, then events."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.event import Event
from headrace.events import resource
from headrace.fault import Fault
from headrace.resource.aggregate import decide, evolve
from headrace.resource.content import LARGEST_SPEC, canonical, digest_of
from headrace.resource.state import State

NOW = 1_000


def check(kind: str, spec: Mapping[str, Any]) -> list[Fault]:
    """Specs with `bad` in them are bad."""
    return [Fault("bad", ("bad",), "is bad")] if "bad" in spec else []


def fold(events: Iterable[Event], name: str = "greeting") -> State:
    return reduce(evolve, events, State(name))


def create(text: str = "hi", **fields: Any) -> resource.CreateVersion:
    return resource.CreateVersion(**{"kind": "Prompt", "spec": json.dumps({"text": text}), **fields})


def created(version: int = 1, text: str = "hi") -> resource.VersionCreated:
    spec = canonical({"text": text})
    return resource.VersionCreated(at=NOW, kind="Prompt", version=version, digest=digest_of(spec), spec=spec)


def moved(version: int, previous: int | None = None, pointer: str = "production") -> resource.PointerMoved:
    return resource.PointerMoved(at=NOW, pointer=pointer, version=version, previous=previous)


def when(command: Event, *given: Event, name: str = "greeting") -> Sequence[Event]:
    return decide(fold(given, name), command, NOW, check)


def code(events: Sequence[Event]) -> str:
    (event,) = events
    assert isinstance(event, resource.ChangeRefused)
    return event.code


def test_the_first_version_is_created_and_moves_no_pointer() -> None:
    assert when(create()) == [created()]


def test_new_content_is_the_next_version() -> None:
    assert when(create("bye"), created()) == [created(2, "bye")]


def test_a_version_and_its_pointer_come_in_one_step() -> None:
    assert when(create("bye", pointer="production"), created(), moved(1)) == [created(2, "bye"), moved(2, 1)]


def test_the_same_content_written_otherwise_is_the_same_version() -> None:
    spec = '{ "b": [1, 2.5], "a": "é" }'
    first = when(create(spec=spec))
    again = when(create(spec='{"a":"\\u00e9","b":[1,2.5]}'), *first)
    assert isinstance(first[0], resource.VersionCreated)
    assert again == [resource.VersionReused(at=NOW, version=1, digest=first[0].digest)]


TWO = (created(), created(2, "bye"), moved(2))
KNOWN = resource.VersionReused(at=NOW, version=1, digest=created().digest)


def test_known_content_moves_no_pointer_that_exists_and_the_answer_names_it() -> None:
    stays = msgspec.structs.replace(KNOWN, pointer="production")
    assert when(create(pointer="production"), *TWO) == [stays]


def test_known_content_moves_the_pointer_when_it_is_asked_to_and_the_answer_comes_last() -> None:
    assert when(create(pointer="production", move_known=True), *TWO) == [moved(1, 2), KNOWN]


def test_a_pointer_that_is_new_is_set_to_known_content() -> None:
    assert when(create(pointer="staging"), *TWO) == [moved(1, pointer="staging"), KNOWN]


def test_nothing_moves_when_the_pointer_is_there_already() -> None:
    (answer,) = when(create(pointer="production"), created(), moved(1))
    assert isinstance(answer, resource.VersionReused)


def test_who_and_why_are_kept() -> None:
    events = when(create(pointer="production", actor="ada", reason="shorter"))
    assert [(event.actor, event.reason) for event in events if not isinstance(event, resource.ResourceHead)] == [  # type: ignore[attr-defined]
        ("ada", "shorter")
    ] * 2


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (create(kind="Model"), "kind_mismatch"),
        (create(spec="{"), "spec_invalid"),
        (create(spec="[1]"), "spec_invalid"),
        (create(spec='{"a": NaN}'), "spec_invalid"),
        (create(spec='{"a": 1e999}'), "spec_invalid"),
        (create(spec="[" * 100_000), "spec_invalid"),
        (create(spec='{"bad": 1}'), "spec_invalid"),
        (create(spec=json.dumps({"a": "x" * LARGEST_SPEC})), "spec_invalid"),
        (create(pointer="latest"), "pointer_invalid"),
        (create(pointer="7"), "pointer_invalid"),
        (create(pointer="v7"), "pointer_invalid"),
        (create(pointer="Prod"), "pointer_invalid"),
        (resource.MovePointer(pointer="latest", version=1), "pointer_invalid"),
        (resource.MovePointer(pointer="production", version=9), "version_not_found"),
        (resource.MovePointer(pointer="production", version=1, expected=2), "pointer_conflict"),
        (resource.MovePointer(pointer="staging", version=1, expected=1), "pointer_conflict"),
    ],
)
def test_what_is_refused(command: Event, expected: str) -> None:
    assert code(when(command, created(), moved(1))) == expected


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a/b", "x" * 64, "@position"])
def test_names_that_are_none(name: str) -> None:
    assert code(when(create(), name=name)) == "name_invalid"


def test_a_pointer_of_nothing_can_not_move() -> None:
    assert code(when(resource.MovePointer(pointer="production", version=1))) == "not_found"


def test_a_pointer_moves_when_it_stands_where_the_caller_thinks() -> None:
    command = resource.MovePointer(pointer="production", version=2, expected=1)
    assert when(command, created(), created(2, "bye"), moved(1)) == [moved(2, 1)]


COMMANDS = st.one_of(
    st.builds(create, st.sampled_from("abc"), pointer=st.sampled_from([None, "production", "latest", "9"])),
    st.builds(
        resource.MovePointer,
        pointer=st.sampled_from(["production", "staging"]),
        version=st.integers(0, 4),
        expected=st.none() | st.integers(1, 3),
    ),
)


@given(st.lists(COMMANDS, max_size=30))
def test_whatever_is_asked_versions_are_gapless_unique_and_pointers_stand_on_them(commands: list[Event]) -> None:
    state = State("greeting")
    for command in commands:
        for event in decide(state, command, NOW, check):
            state = evolve(state, event)
    assert list(state.versions) == list(range(1, len(state.versions) + 1))
    assert len({version.digest for version in state.versions.values()}) == len(state.versions)
    assert set(state.pointers.values()) <= state.versions.keys()


@given(st.lists(COMMANDS, max_size=20), COMMANDS.filter(lambda command: isinstance(command, resource.CreateVersion)))
def test_to_create_twice_changes_nothing_the_second_time(commands: list[Event], command: Event) -> None:
    state = State("greeting")
    for earlier in [*commands, command]:
        state = reduce(evolve, decide(state, earlier, NOW, check), state)
    assert reduce(evolve, decide(state, command, NOW, check), state) == state


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_canonical_text_says_the_same_and_is_stable(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
