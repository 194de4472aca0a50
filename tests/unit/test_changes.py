"""The way of a pointer, from the log."""

import pytest

from headrace.changes import way_of
from headrace.client import Seen
from headrace.cloudevents import Attributes
from headrace.errors import NotFound
from headrace.events.resource import PointerMoved


def moves(*versions: int, pointer: str = "production") -> list[Seen]:
    previous = [None, *versions[:-1]]
    events = (
        PointerMoved(at=0, pointer=pointer, version=version, previous=before)
        for version, before in zip(versions, previous, strict=True)
    )
    return [
        Seen("prompt.events", 0, offset, 0, "p", Attributes("1"), b"", event) for offset, event in enumerate(events)
    ]


@pytest.mark.parametrize(
    ("versions", "way"),
    [
        ((1,), [1]),
        ((1, 2, 3), [1, 2, 3]),
        ((1, 2, 3, 3), [1, 2, 3]),
        ((1, 2, 3, 2), [1, 2]),
        ((1, 2, 3, 2, 1), [1]),
        ((1, 2, 3, 2, 4), [1, 2, 4]),
        ((1, 2, 3, 1), [1, 2, 3, 1]),
    ],
)
def test_a_step_back_is_undone_and_a_repetition_is_no_step(versions: tuple[int, ...], way: list[int]) -> None:
    others = moves(9, 8, pointer="staging")
    assert way_of([*others, *moves(*versions)], "production") == way


def test_a_pointer_that_never_moved_is_none() -> None:
    with pytest.raises(NotFound, match="there is no pointer 'staging'"):
        way_of(moves(1), "staging")
