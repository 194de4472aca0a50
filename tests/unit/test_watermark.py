"""The contiguous watermark: what may be committed while requests end out of order."""

from hypothesis import given
from hypothesis import strategies as st

from headrace.worker.watermark import Watermark


def taken(*offsets: int) -> Watermark:
    mark = Watermark()
    for offset in offsets:
        mark.begin(offset)
    return mark


def test_nothing_was_taken_nothing_is_to_be_committed() -> None:
    assert Watermark().pending is None


def test_the_mark_waits_for_the_oldest_that_is_open() -> None:
    mark = taken(5, 6, 9)
    assert mark.pending == 5
    mark.end(6)
    assert mark.pending == 5
    mark.end(5)
    assert mark.pending == 9, "offsets that never came are no reason to wait"
    mark.end(9)
    assert mark.pending == 10


def test_what_is_committed_is_not_committed_again() -> None:
    mark = taken(5)
    mark.end(5)
    mark.committed(6)
    assert mark.pending is None
    mark.begin(8)
    assert mark.pending == 8


def test_a_commit_that_failed_is_still_pending() -> None:
    mark = taken(5)
    mark.end(5)
    assert (mark.pending, mark.pending) == (6, 6)


def test_an_end_that_comes_twice_changes_nothing() -> None:
    mark = taken(5, 6)
    mark.end(5)
    mark.end(5)
    mark.end(99)
    assert mark.pending == 6


@given(st.lists(st.integers(0, 100), unique=True, min_size=1).map(sorted), st.randoms(use_true_random=False))
def test_it_never_passes_what_is_open_and_ends_behind_the_last(offsets: list[int], order: object) -> None:
    mark = taken(*offsets)
    left = set(offsets)
    shuffled = list(offsets)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    for offset in shuffled:
        mark.end(offset)
        left.discard(offset)
        pending = mark.pending
        assert pending is None or pending <= min(left, default=offsets[-1] + 1)
        if pending is not None:
            mark.committed(pending)
    assert mark.pending is None
