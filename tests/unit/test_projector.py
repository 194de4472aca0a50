"""The projector's rows: given an event, then rows; and what a batch of them comes to, wherever batches end."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from headrace.codec import Codec
from headrace.errors import Undecodable
from headrace.event import Event
from headrace.events import resource, run
from headrace.projection import LogReplaced, Origin
from headrace.projection.batch import Batch
from headrace.testing import MemoryRegistry
from headrace.topics import CHANGES, PROMPT_EVENTS, RUN_EVENTS
from projector.bootstrap import PROJECTION
from projector.core import Change, rows
from projector.model import RUN_KEY, RUN_NODE_KEY, ResourceChange, Run, RunNode
from projector.settings import ProjectorSettings

PLACE: dict[str, Any] = {"seq": 4, "prev": bytes(32)}
AT = 1_700_000_000_123
WHEN = datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
LATER = datetime(2023, 11, 14, 22, 13, 21, 123_000, tzinfo=UTC)
USAGE = run.Usage(input_tokens=7, output_tokens=11, cost="0.0030", currency="EUR")
MONEY: dict[str, Any] = {"input_tokens": 7, "output_tokens": 11, "cost": Decimal("0.0030"), "currency": "EUR"}
ENDED: dict[str, Any] = {**PLACE, "workflow": "w@1", "started_at": AT, "finished_at": AT + 1_000, "usage": USAGE}
SPLIT = (resource.Share(version=1, weight=9), resource.Share(version=2, weight=1))
HOME = TopicPartition(RUN_EVENTS.name, 0)


def when(event: Event, key: str = "r", headers: Sequence[tuple[str, bytes]] = ()) -> list[tuple[Any, ...]]:
    """The values of an event's rows."""
    return [row.values for row in rows(event, Origin("prompt.events", 1, 9, key, headers))]


def test_a_run_that_starts_is_running() -> None:
    event = run.RunStarted(**PLACE, at=AT, workflow="w@1", input="{}", tenant="t", session="s", actor="ann")
    assert when(event) == [Run("r", 4, "running", "w@1", "t", "s", "ann", started_at=WHEN)]


def test_a_run_that_ends_well_has_times_and_what_it_cost() -> None:
    event = run.RunCompleted(**ENDED, output="{}")
    assert when(event) == [Run("r", 4, "completed", "w@1", started_at=WHEN, finished_at=LATER, **MONEY)]


def test_a_run_that_fails_says_why_and_where() -> None:
    event = run.RunFailed(**ENDED, code="node_failed", message="too slow", node="n")
    fault: dict[str, Any] = {"code": "node_failed", "message": "too slow", "node": "n"}
    assert when(event) == [Run("r", 4, "failed", "w@1", started_at=WHEN, finished_at=LATER, **MONEY, **fault)]


def test_a_run_that_is_cancelled_has_the_callers_reason() -> None:
    event = run.RunCancelled(**ENDED, reason="enough")
    expected = Run("r", 4, "cancelled", "w@1", started_at=WHEN, finished_at=LATER, **MONEY, message="enough")
    assert when(event) == [expected]


def test_a_signal_moves_a_run_to_its_place_in_the_log() -> None:
    assert when(run.SignalReceived(**PLACE, at=AT, signal="s", payload="{}")) == [Run("r", 4, "running")]


def test_each_attempt_of_a_node_has_a_row() -> None:
    scheduled = run.NodeScheduled(**PLACE, at=AT, node="n", attempt=2, type="template", input="{}")
    assert when(scheduled) == [
        Run("r", 4, "running"),
        RunNode("r", "n", 0, 2, "scheduled", "template", scheduled_at=WHEN),
    ]


def test_an_attempt_that_succeeds_has_its_workers_times() -> None:
    times: dict[str, Any] = {"started_at": AT, "finished_at": AT + 1_000}
    event = run.NodeSucceeded(**PLACE, at=AT + 5_000, node="n", output="{}", usage=USAGE, **times)
    assert when(event)[1] == RunNode("r", "n", 0, 1, "succeeded", started_at=WHEN, finished_at=LATER, **MONEY)


def test_an_attempt_that_fails_says_when_the_next_is_due_and_what_it_cost_all_the_same() -> None:
    event = run.NodeFailed(
        **PLACE, at=AT, node="n", code="timeout", message="too slow", retry_at=AT + 1_000, usage=USAGE
    )
    fault: dict[str, Any] = {"code": "timeout", "message": "too slow"}
    assert when(event)[1] == RunNode("r", "n", 0, 1, "failed", finished_at=WHEN, retry_at=LATER, **MONEY, **fault)


def test_a_node_that_is_skipped_was_never_attempted() -> None:
    event = run.NodeSkipped(**PLACE, at=AT, node="n", iteration=3, reason="no edge")
    assert when(event)[1] == RunNode("r", "n", 3, 0, "skipped", finished_at=WHEN, message="no edge")


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (
            resource.VersionCreated(at=AT, kind="Prompt", version=2, digest="d", spec="{}"),
            {"change": "VersionCreated", "kind": "Prompt", "version": 2, "digest": "d"},
        ),
        (
            resource.VersionReused(at=AT, version=2, digest="d"),
            {"change": "VersionReused", "version": 2, "digest": "d"},
        ),
        (
            resource.PointerMoved(at=AT, pointer="production", version=2, previous=1, actor="ann", reason="better"),
            {
                "change": "PointerMoved",
                "pointer": "production",
                "version": 2,
                "previous": 1,
                "actor": "ann",
                "reason": "better",
            },
        ),
        (
            resource.PointerMoved(at=AT, pointer="production", version=1, previous=1, split=SPLIT, approved_by="bob"),
            {
                "change": "PointerMoved",
                "pointer": "production",
                "version": 1,
                "previous": 1,
                "split": '[{"version":1,"weight":9},{"version":2,"weight":1}]',
                "approved_by": "bob",
            },
        ),
        (
            resource.ChangeProposed(at=AT, pointer="production", version=2, previous=1, actor="ann"),
            {"change": "ChangeProposed", "pointer": "production", "version": 2, "previous": 1, "actor": "ann"},
        ),
        (
            resource.PointerProtected(at=AT, pointer="production", protected=False, actor="ann", approved_by="bob"),
            {
                "change": "PointerProtected",
                "pointer": "production",
                "protected": False,
                "actor": "ann",
                "approved_by": "bob",
            },
        ),
        (
            resource.VersionRetired(at=AT, version=2, actor="ann", reason="wrong"),
            {"change": "VersionRetired", "version": 2, "actor": "ann", "reason": "wrong"},
        ),
        (
            resource.WorkflowPaused(at=AT, actor="ann", reason="floods"),
            {"change": "WorkflowPaused", "actor": "ann", "reason": "floods"},
        ),
        (resource.WorkflowResumed(at=AT, actor="bob"), {"change": "WorkflowResumed", "actor": "bob"}),
        (
            resource.ErasureOrdered(at=AT, versions=(1, 3), digest="d", actor="ann"),
            {"change": "ErasureOrdered", "versions": [1, 3], "digest": "d", "actor": "ann"},
        ),
        (
            resource.BodyErased(at=AT, versions=(1, 3), digest="d"),
            {"change": "BodyErased", "versions": [1, 3], "digest": "d"},
        ),
        (
            resource.BodyUnusable(
                at=AT, version=2, digest="d", code="body_missing", message="is gone", run="r", node="n"
            ),
            {
                "change": "BodyUnusable",
                "version": 2,
                "digest": "d",
                "code": "body_missing",
                "message": "is gone",
                "run": "r",
                "node": "n",
            },
        ),
        (
            resource.ChangeRefused(at=AT, command="MovePointer", code="not_found", message="nothing is named x"),
            {
                "change": "ChangeRefused",
                "command": "MovePointer",
                "code": "not_found",
                "message": "nothing is named x",
            },
        ),
    ],
)
def test_each_record_of_an_audit_trail_is_a_row_with_its_place_and_cause(event: Event, says: dict[str, Any]) -> None:
    place: dict[str, Any] = {"topic": "prompt.events", "partition": 1, "log_offset": 9, "name": "greeting"}
    expected = ResourceChange(**place, at=WHEN, caused_by="c", **says)
    assert when(event, "greeting", [("ce_causationid", b"c")]) == [expected]


def test_no_event_of_an_audit_trail_is_passed_over() -> None:
    assert {*get_args(Change)} == {*CHANGES}


@pytest.mark.parametrize("cost", ["a lot", "", "NaN", "-Infinity", "1e999999999"])
def test_an_amount_that_makes_no_sense_is_poison(cost: str) -> None:
    usage = run.Usage(input_tokens=1, output_tokens=1, cost=cost, currency="EUR")
    with pytest.raises(Undecodable, match="the cost"):
        when(run.RunCompleted(**{**ENDED, "usage": usage}, output="{}"))


@pytest.mark.parametrize("at", [2**62, -(2**62)])
def test_a_time_that_no_calendar_has_is_poison(at: int) -> None:
    with pytest.raises(Undecodable, match="no time"):
        when(run.NodeSkipped(**PLACE, at=at, node="n", reason="no edge"))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
def test_money_is_exact_and_never_without_its_currency(cost: Decimal) -> None:
    usage = run.Usage(input_tokens=1, output_tokens=1, cost=str(cost), currency="CHF")
    ((*_, amount, currency, _, _, _),) = when(run.RunCompleted(**{**ENDED, "usage": usage}, output="{}"))
    assert (str(amount), currency) == (str(cost), "CHF")


HISTORY: list[tuple[str, Event]] = [
    ("a", run.RunStarted(**PLACE, at=AT, workflow="w@1", input="{}", tenant="t")),
    ("b", run.RunStarted(**PLACE, at=AT + 1, workflow="w@2", input="{}")),
    ("a", run.NodeScheduled(**PLACE, at=AT, node="n", type="template", input="{}")),
    ("a", run.NodeFailed(**PLACE, at=AT, node="n", code="timeout", message="too slow", retry_at=AT, usage=USAGE)),
    ("b", run.RunCancelled(**ENDED, reason="enough")),
    ("a", run.NodeScheduled(**PLACE, at=AT, node="n", attempt=2, type="template", input="{}")),
    ("a", run.NodeSucceeded(**PLACE, at=AT, node="n", attempt=2, output="{}", started_at=AT, finished_at=AT)),
    ("a", run.RunFailed(**ENDED, code="expression_failed", message="no such key: \0")),
]


def identity(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Which row it is."""
    return values[: {"runs": RUN_KEY, "run_nodes": RUN_NODE_KEY}[name]]


async def codec_of_the_log() -> Codec:
    codec = Codec(MemoryRegistry())
    await codec.register((RUN_EVENTS, PROMPT_EVENTS))
    return codec


def record(codec: Codec, offset: int) -> ConsumerRecord:
    key, event = HISTORY[offset]
    value = codec.encode(RUN_EVENTS, event)
    return ConsumerRecord(*HOME, offset, 0, 0, key.encode(), value, None, 0, 0, ())


def written(codec: Codec, begin: int, end: int) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """What a batch of this part of the history writes."""
    batch = Batch(PROJECTION, codec)
    batch.fold(HOME, begin, [record(codec, offset) for offset in range(begin, end)])
    return [(name, values) for name, writes in batch.writes() for values in writes]


@given(cuts=st.sets(st.integers(1, len(HISTORY) - 1)))
async def test_wherever_batches_end_the_rows_are_the_same(cuts: set[int]) -> None:
    codec = await codec_of_the_log()
    tables: dict[Any, tuple[Any, ...]] = {}
    for begin, end in pairwise([0, *sorted(cuts), len(HISTORY)]):
        for name, values in written(codec, begin, end):
            row = tables.get((name, identity(name, values)), (None,) * len(values))
            stored = tuple(old if new is None else new for old, new in zip(row, values, strict=True))  # as the SQL does
            tables[name, identity(name, values)] = stored
    assert tables == {(name, identity(name, values)): values for name, values in written(codec, 0, len(HISTORY))}


async def test_a_run_is_written_once_a_batch_however_many_events_it_has() -> None:
    names = [name for name, _ in written(await codec_of_the_log(), 0, len(HISTORY))]
    assert names == ["runs", "runs", "run_nodes", "run_nodes"]


async def test_a_text_with_a_nul_is_stored_without_it() -> None:
    ((_, values),) = written(await codec_of_the_log(), 7, 8)
    assert "no such key: \N{REPLACEMENT CHARACTER}" in values


async def test_a_record_before_the_position_says_that_the_log_is_another() -> None:
    batch = Batch(PROJECTION, await codec_of_the_log())
    with pytest.raises(LogReplaced, match=r"run\.events-0 went back from 3 to 2"):
        batch.fold(HOME, 3, [record(await codec_of_the_log(), 2)])


@pytest.mark.parametrize(("name", "row"), [("runs", Run), ("run_nodes", RunNode), ("resource_changes", ResourceChange)])
def test_the_columns_of_a_query_are_the_fields_of_its_row(name: str, row: type[Any]) -> None:
    found = re.search(rf"insert into {name} \(([^)]*)\)\s+values \(([^)]*)\)", PROJECTION.queries[name])
    assert found
    assert re.findall(r"\w+", found[1]) == list(row._fields)
    assert found[2].split(", ") == [f"${number}" for number in range(1, len(row._fields) + 1)]


def test_the_database_and_its_password_are_not_shown() -> None:
    assert "hunter2" not in repr(ProjectorSettings(database_url="postgresql://me:hunter2@db/x"))
