"""The way of a pointer, from the log."""

from collections.abc import Iterable

import pytest

from headrace.changes import last_moves, waiting_proposals, way_of
from headrace.cloudevents import Attributes
from headrace.errors import NotFound
from headrace.event import Event
from headrace.events.resource import ChangeProposed, PointerMoved, PointerProtected, Share
from headrace.resource.splits import Standing
from headrace.seen import Seen


def moves(*versions: int, pointer: str = "production") -> list[Seen]:
    return stands(*(Standing(version) for version in versions), pointer=pointer)


def stands(*standings: Standing, pointer: str = "production") -> list[Seen]:
    """The moves of a pointer to these, in this order."""
    return records(PointerMoved(at=0, pointer=pointer, version=one.version, split=one.split) for one in standings)


def records(events: Iterable[Event]) -> list[Seen]:
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


ASKED = ChangeProposed(at=0, pointer="production", version=3, actor="ann")
OTHER = ChangeProposed(at=1, pointer="production", version=4, actor="bob")


@pytest.mark.parametrize(
    ("events", "waits"),
    [
        ([], {}),
        ([ASKED], {"p": ASKED}),
        ([ASKED, OTHER], {"p": OTHER}),
        ([ASKED, PointerMoved(at=2, pointer="staging", version=1)], {"p": ASKED}),
        ([ASKED, PointerMoved(at=2, pointer="production", version=3, approved_by="bob")], {}),
        ([ASKED, PointerProtected(at=2, pointer="production", protected=True)], {"p": ASKED}),
        ([ASKED, PointerProtected(at=2, pointer="production", protected=False, approved_by="bob")], {}),
        ([ChangeProposed(at=0, pointer="staging", version=3)], {}),
    ],
)
def test_what_waits_for_approval_is_the_last_that_was_proposed_and_not_decided(
    events: list[Event], waits: dict[str, ChangeProposed]
) -> None:
    assert waiting_proposals(records(events), "production") == waits


SET = PointerMoved(at=0, pointer="production", version=1, actor="ann", reason="shorter")
AGAIN = PointerMoved(at=1, pointer="production", version=1, previous=1, actor="bob")
SHARED = (Share(version=1, weight=90), Share(version=2, weight=10))
SPLIT = PointerMoved(at=2, pointer="production", version=1, previous=1, split=SHARED, actor="cleo")
SPLIT_AGAIN = PointerMoved(
    at=3, pointer="production", version=1, previous=1, split=SHARED, previous_split=SHARED, actor="bob"
)
ENDED = PointerMoved(at=4, pointer="production", version=1, previous=1, previous_split=SHARED, actor="dora")


@pytest.mark.parametrize(
    ("events", "last"),
    [([SET], SET), ([SET, AGAIN], SET), ([SET, SPLIT, SPLIT_AGAIN], SPLIT), ([SET, SPLIT, ENDED, AGAIN], ENDED)],
)
def test_who_moves_a_pointer_to_where_it_stands_did_not_set_it_there(events: list[Event], last: PointerMoved) -> None:
    assert last_moves(records(events), "production") == {"p": last}
