"""The audit of a log: a whole one has no faults; nothing can be changed, dropped, swapped or added unseen."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import audit
from headrace.cloudevents import Attributes
from headrace.event import Event
from headrace.seen import Seen
from headrace.topics import RUN_EVENTS
from tests.unit.engine import CODEC, a_run, graph


def a_log() -> list[Seen]:
    """A run of eight records."""
    run = a_run(graph("a b", "a c"))
    run.start()
    for name in "abc":
        run.succeed(name)
    return [record(offset, value) for offset, value in enumerate(run.values)]


def record(offset: int, value: bytes) -> Seen:
    return Seen("run.events", 0, offset, 0, "r1", Attributes(""), value, CODEC.decode(RUN_EVENTS, value))


LOG = a_log()


def forged(seen: Seen, **changes: object) -> Seen:
    """A record whose bytes say something else."""
    event: Event | None = seen.event
    assert event is not None
    return record(seen.offset, CODEC.encode(RUN_EVENTS, msgspec.structs.replace(event, **changes)))


def test_a_whole_log_has_no_faults() -> None:
    assert len(LOG) == 8
    assert audit.faults(LOG) == []
    assert audit.faults([]) == []


@pytest.mark.parametrize("length", range(1, 8))
def test_a_run_that_is_still_under_way_has_a_whole_log_too(length: int) -> None:
    assert audit.faults(LOG[:length]) == []


def test_a_record_that_says_something_else_is_seen_by_the_next() -> None:
    changed = [*LOG[:2], forged(LOG[2], output='{"other":1}'), *LOG[3:]]
    assert audit.faults(changed) == ["run.events-0-3 does not hold the digest of run.events-0-2"]


def test_a_record_that_is_missing_is_seen() -> None:
    assert "run.events-0-3 has seq 3 where 2 belongs" in audit.faults([*LOG[:2], *LOG[3:]])
    assert "run.events-0-1 is the first record but names one before it" in audit.faults(LOG[1:])


def test_a_record_after_the_end_is_seen() -> None:
    assert "run.events-0-7 follows the end of the run" in audit.faults([*LOG, LOG[-1]])


def test_a_record_that_can_not_be_read_is_seen() -> None:
    unread = LOG[2]._replace(event=None, fault="random bytes", value=b"??")
    assert audit.faults([*LOG[:2], unread, *LOG[3:]]) == [
        "run.events-0-2 can't be read: random bytes",
        "run.events-0-3 does not hold the digest of run.events-0-2",
    ]
    gone = LOG[2]._replace(event=None, value=None)
    assert audit.faults([*LOG[:2], gone])[0] == "run.events-0-2 can't be read: it has no value"


def test_a_change_can_be_hidden_only_by_changing_all_that_follow() -> None:
    changed = list(LOG[:2])
    changed.append(forged(LOG[2], output='{"other":1}'))
    for seen in LOG[3:-1]:
        changed.append(forged(seen, prev=sha256(changed[-1].value or b"").digest()))
    assert audit.faults([*changed, LOG[-1]]) == ["run.events-0-7 does not hold the digest of run.events-0-6"]


@given(st.permutations(LOG), st.integers(1, len(LOG)))
def test_only_the_order_in_which_it_was_written_is_whole(order: list[Seen], length: int) -> None:
    shown = order[:length]
    assert (audit.faults(shown) == []) == (shown == LOG[:length])
