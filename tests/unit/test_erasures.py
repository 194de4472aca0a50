"""What the log says of an erasure: given events, then who ordered it, when and why."""

from headrace.cloudevents import Attributes
from headrace.erasures import erasure_of, orders_of
from headrace.event import Event
from headrace.events.resource import BodyErased, BodyUnusable, ErasureOrdered
from headrace.seen import Seen

ORDERED = ErasureOrdered(at=0, versions=(1, 3), digest="d", actor="ada", reason="asked to")
ERASED = BodyErased(at=61_000, versions=(1, 3), digest="d")
AGAIN = ErasureOrdered(at=90_000, versions=(1, 3), digest="d", reason="it came back")
FAILED = BodyUnusable(at=1_000, version=1, digest="d", code="store_unavailable", message="no answer", run="", node="")


def log(*events: Event) -> list[Seen]:
    return [
        Seen("prompt.events", 0, offset, 0, "p", Attributes("1"), b"", event) for offset, event in enumerate(events)
    ]


def test_it_says_when_by_whom_and_why() -> None:
    assert str(erasure_of(log(ORDERED, ERASED), 3)) == (
        "its body was erased at 1970-01-01 00:01:01 UTC, as ada ordered at 1970-01-01 00:00:00 UTC: asked to"
    )


def test_of_one_that_is_not_done_it_says_since_when_it_fails() -> None:
    told = str(erasure_of(log(ORDERED, FAILED), 1))
    assert "is about to be erased (it fails since 1970-01-01 00:00:01 UTC: no answer), as ada ordered" in told


def test_a_body_that_came_back_was_still_ordered_by_whom_it_was_first() -> None:
    events = log(ORDERED, ERASED, AGAIN, ERASED)
    assert orders_of(events) == {"d": ORDERED}
    found = erasure_of(events, 1)
    assert found
    assert (found.ordered, found.erased) == (ORDERED, ERASED)


def test_of_a_version_that_nobody_erased_it_says_nothing() -> None:
    assert erasure_of(log(ORDERED, ERASED), 2) is None
