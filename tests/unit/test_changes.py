"""The way of a pointer, from the log."""

import pytest

from headrace.changes import way_of
from headrace.cloudevents import Attributes
from headrace.errors import NotFound
from headrace.events.resource import PointerMoved, Share
from headrace.resource.splits import Standing
from headrace.seen import Seen


def moves(*versions: int, pointer: str = "production") -> list[Seen]:
    return stands(*(Standing(version) for version in versions), pointer=pointer)


def stands(*standings: Standing, pointer: str = "production") -> list[Seen]:
    """The moves of a pointer to these, in this order."""
    events = (PointerMoved(at=0, pointer=pointer, version=one.version, split=one.split) for one in standings)
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
    assert way_of([*others, *moves(*versions)], "production") == [Standing(version) for version in way]


def test_a_split_is_a_step_and_so_is_another_weight() -> None:
    tenth, half = (
        Standing(1, (Share(version=1, weight=rest), Share(version=2, weight=100 - rest))) for rest in (90, 50)
    )
    changes = stands(Standing(1), tenth, half, half)
    assert way_of(changes, "production") == [Standing(1), tenth, half]
    assert way_of([*changes, *stands(tenth)], "production") == [Standing(1), tenth]
    assert str(tenth) == "90:v1 10:v2"


def test_a_pointer_that_never_moved_is_none() -> None:
    with pytest.raises(NotFound, match="there is no pointer 'staging'"):
        way_of(moves(1), "staging")
