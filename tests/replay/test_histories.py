"""Golden histories: today's rules must decide as yesterday's did, for runs in flight are decided by both."""

import hashlib
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import msgspec
import pytest

from headrace.event import Event
from headrace.limits import GENESIS
from headrace.topics import RUN_EVENTS
from tests.replay import record
from tests.replay.history import FOLDER, History, load, read
from tests.unit.engine import CODEC, Run

HISTORIES = sorted(FOLDER.glob("*.json"))


@pytest.fixture(params=HISTORIES, ids=lambda path: path.stem)
def history(request: pytest.FixtureRequest) -> History:
    path: Path = request.param
    return load(path)


def chained(events: Sequence[Event]) -> list[bytes]:
    """The values of a log, each with the digest of the one before."""
    values: list[bytes] = []
    for event in events:
        prev = hashlib.sha256(values[-1]).digest() if values else GENESIS
        values.append(CODEC.encode(RUN_EVENTS, msgspec.structs.replace(event, prev=prev)))
    return values


def log_of(history: History) -> list[Event]:
    return [event for kept in history.log if isinstance(event := read(kept), Event)]


def test_a_replay_decides_what_was_decided_byte_for_byte(history: History) -> None:
    assert history.replayed().values == chained(log_of(history))


def test_a_run_goes_on_from_any_point_as_it_did(history: History) -> None:
    """An upgrade in mid-run: the state is folded from yesterday's log, the rest is decided today."""
    for upgraded_at in range(1, len(history.steps)):
        telling = history.begun()
        run = telling.run
        telling.tell(slice(upgraded_at))
        resume(run, log_of(history)[: len(run.log)])
        telling.tell(slice(upgraded_at, None))
        assert run.values == chained(log_of(history))


def resume(run: Run, log: Sequence[Event]) -> None:
    """Let a run know nothing but a recorded log."""
    run.values = chained(log)
    run.log = [CODEC.decode(RUN_EVENTS, value) for value in run.values]
    state = reduce(run.machine.evolve, run.log, run.machine.initial(run.key))
    run.state = run.machine.link(state, hashlib.sha256(run.values[-1]).digest())


def test_every_story_is_recorded_and_every_record_has_a_story() -> None:
    assert {path.stem for path in HISTORIES} == record.STORIES.keys()


def test_the_recorder_would_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert record.main([]) == 0, capsys.readouterr().out


def test_every_event_of_a_run_occurs_in_a_history() -> None:
    seen = {kept["name"] for path in HISTORIES for kept in load(path).log}
    assert seen == {event.NAME for event in RUN_EVENTS.records}
