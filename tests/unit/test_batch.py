"""The decisions of one batch, in memory: what is forwarded, buried, decided and kept, and where the machine stands."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.events import resource
from headrace.events import run as events_of
from headrace.kafka import ORIGIN_HEADER, partition_of
from headrace.machine.batch import LARGEST_BATCH, LARGEST_RECORD, LONGEST_KEY, Batch
from headrace.machine.memory import SPARE, Memory
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, RUN_EVENTS, RUN_REQUESTS, RUN_RESULTS, RUN_STATE
from tests.unit.asking import MODEL, PROMPT
from tests.unit.engine import CODEC, NOW, Shelf, graph, said, succeeded
from tests.unit.partitions import HOME, OTHER, PARTITIONS, START, Owner, a_machine, outcome, record, request, sent
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine


def test_a_command_leads_to_events_work_state_and_a_position() -> None:
    owner = Owner()
    batch = owner.batch(request(7, HOME))
    assert said(owner.events()) == ["started", "scheduled a#1 {}"]
    assert [key for key, _, _ in owner.on(NODE_REQUESTS["template"].name)] == [HOME.encode()]
    assert [key for key, _, _ in owner.on(RUN_STATE.name)] == [f"{HOME}/@start".encode(), HOME.encode(), b"@position"]
    assert owner.memory.position == {"run.requests": 8}
    assert (batch.consumed, batch.events, batch.poisoned, batch.empty) == (1, 2, 0, False)


def test_a_part_that_changes_several_times_in_a_batch_is_written_once() -> None:
    owner = Owner()
    owner.batch(request(0, HOME), outcome(0, HOME, succeeded("a")), outcome(1, HOME, succeeded("b")))
    assert said(owner.events())[-1] == 'completed {"done":true}'
    keys = [key for key, _, _ in owner.on(RUN_STATE.name)]
    assert len(keys) == len(set(keys))
    assert {key: value for key, value, _ in owner.on(RUN_STATE.name) if value is None}.keys() == {
        f"{HOME}/{part}".encode() for part in ("@start", "a", "b")
    }


def test_nothing_to_do_is_an_empty_batch() -> None:
    assert Owner().batch(tick=True).empty


def test_the_position_is_kept_for_each_topic_and_found_again() -> None:
    owner = Owner()
    owner.batch(request(3, HOME), request(4, HOME), outcome(11, HOME, succeeded("nobody")))
    owner.batch(request(9, HOME))
    assert owner.memory.position == {"run.requests": 10, "node.outcomes": 12}
    assert owner.restarted().position == owner.memory.position


def test_a_command_in_the_wrong_partition_is_sent_home_as_it_is() -> None:
    owner = Owner()
    stranger = request(7, OTHER, headers=[("traceparent", b"00-a-b-01"), ("x", b"\xff")])
    owner.batch(stranger)
    ((key, value, headers),) = owner.on("run.requests", partition=1)
    assert (key, value) == (stranger.key, stranger.value)
    assert headers == [*stranger.headers, (ORIGIN_HEADER, b"run.requests-0-7")]
    assert owner.events() == []
    assert owner.memory.position == {"run.requests": 8}


def keyless(home: int) -> int:
    """An offset at which a record without a key belongs to this partition."""
    return next(n for n in range(99) if partition_of(f"run.requests-0-{n}".encode(), PARTITIONS) == home)


def test_a_command_without_a_key_takes_its_name_home() -> None:
    owner = Owner()
    owner.batch(request(keyless(1), None))
    ((key, _, headers),) = owner.on("run.requests", partition=1)
    assert key == f"run.requests-0-{keyless(1)}".encode()
    assert headers == [(ORIGIN_HEADER, key)]


def test_at_home_a_forwarded_command_is_known_by_where_its_caller_produced_it() -> None:
    owner = Owner()
    place = next(
        f"run.requests-1-{n}" for n in range(99) if partition_of(f"run.requests-1-{n}".encode(), PARTITIONS) == 0
    )
    value = CODEC.encode(RUN_REQUESTS, START)
    owner.batch(record(RUN_REQUESTS, 0, b"not an id", value, [(ORIGIN_HEADER, place.encode())]))
    ((key, _, headers),) = owner.on(RUN_EVENTS.name)
    assert key == place.encode()
    assert dict(headers)["ce_id"] == f"{place}/0/run.events".encode()
    ((answered, _, _),) = owner.on(RUN_RESULTS.name)
    assert answered == b"not an id"


@pytest.mark.parametrize(
    "forged", [b"@position", b"a/b", b"", b"x" * 300, b"run.requests-0-", b"\xff-0-1", HOME.encode()]
)
def test_an_origin_that_is_no_place_is_not_believed(forged: bytes) -> None:
    owner = Owner()
    owner.batch(record(RUN_REQUESTS, keyless(0), None, b"poison", [(ORIGIN_HEADER, forged)]))
    assert all(key and b"/" not in key.removesuffix(b"/@start") for key, _, _ in owner.on(RUN_STATE.name))
    assert not forged or forged not in [key for key, _, _ in owner.on(RUN_EVENTS.name)]
    owner.restarted()


@given(key=st.binary(max_size=20) | st.text("abr-12.:", max_size=8).map(str.encode), partition=st.sampled_from([0, 1]))
def test_every_command_is_at_home_after_one_hop_at_most(key: bytes, partition: int) -> None:
    machine = a_machine()
    first = Batch(machine, CODEC, Memory(machine, {}), partition, PARTITIONS, NOW)
    first.consume([record(RUN_REQUESTS, 5, key, CODEC.encode(RUN_REQUESTS, START), partition=partition)])
    forwarded = [(number, kept) for topic, number, kept in sent(first) if topic == "run.requests"]
    if not forwarded:
        assert first.events
        return
    ((home, (sent_key, value, headers)),) = forwarded
    second = Batch(machine, CODEC, Memory(machine, {}), home, PARTITIONS, NOW)
    second.consume([record(RUN_REQUESTS, 0, sent_key, value, headers, home)])
    assert (first.events, home) == (0, 1 - partition)
    assert second.events
    assert not [topic for topic, _, _ in sent(second) if topic == "run.requests"]


def foreign() -> bytes:
    return CODEC.encode(RUN_EVENTS, events_of.SignalReceived(seq=0, prev=b"", at=0, signal="s", payload="1"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, b"no value"),
        (b"", b"wire format"),
        (b"\x00\x00", b"wire format"),
        (b"random bytes", b"wire format"),
        (b"\x00" * 2_000_000, b"at most 1048576"),
        (CODEC.encode(RUN_REQUESTS, START) + b"!", b"1 bytes follow"),
        (CODEC.encode(RUN_REQUESTS, START)[:-3], b"not a valid headrace.run.StartRun"),
        (foreign(), b"does not belong on run.requests"),
    ],
)
def test_poison_is_buried_with_its_bytes_answered_and_harms_nobody(value: bytes | None, reason: bytes) -> None:
    owner = Owner()
    poison = record(RUN_REQUESTS, 7, HOME.encode(), value, [("x", b"\xff")])
    neighbour = next(f"n{n}" for n in range(99) if partition_of(f"n{n}".encode(), PARTITIONS) == 0)
    batch = owner.batch(poison, request(8, neighbour))
    ((key, buried, headers),) = owner.on("run.requests.dlq")
    assert (key, buried, headers[0]) == (HOME.encode(), value, ("x", b"\xff"))
    told = dict(headers)
    assert told["__connect.errors.topic"] == b"run.requests"
    assert told["__connect.errors.partition"] == b"0"
    assert told["__connect.errors.offset"] == b"7"
    assert told["__connect.errors.exception.class.name"] == b"Undecodable"
    assert reason in told["__connect.errors.exception.message"]
    assert said(owner.events()) == ["run failed request_unreadable", "started", "scheduled a#1 {}"]
    assert batch.poisoned == 1


def test_poison_among_outcomes_is_buried_and_its_run_goes_on() -> None:
    owner = Owner()
    owner.batch(request(0, HOME), record(NODE_OUTCOMES, 0, HOME.encode(), b"?"), outcome(1, HOME, succeeded("a")))
    assert len(owner.on("node.outcomes.dlq")) == 1
    assert said(owner.events())[-1] == "scheduled b#1 {}"


def test_an_outcome_is_decided_where_it_stands_and_never_forwarded() -> None:
    owner = Owner()
    owner.batch(outcome(0, OTHER, succeeded("a")))
    assert {topic for topic, _, _ in owner.sent} == {"run.state"}
    assert owner.memory.position == {"node.outcomes": 1}


def test_a_key_without_end_is_poison_and_names_nothing() -> None:
    owner = Owner()
    owner.batch(record(RUN_REQUESTS, keyless(0), b"k" * (LONGEST_KEY + 1), CODEC.encode(RUN_REQUESTS, START)))
    assert said(owner.events()) == ["run failed request_unreadable"]
    assert all(len(key or b"") <= LONGEST_KEY for topic, _, (key, _, _) in owner.sent if topic != "run.requests.dlq")


def test_what_is_too_large_to_be_sent_home_is_buried_here_and_answered_there() -> None:
    owner = Owner()
    owner.batch(record(RUN_REQUESTS, 7, OTHER.encode(), b"x" * (LARGEST_RECORD + 1)))
    assert len(owner.on("run.requests.dlq")) == 1
    ((key, value, headers),) = owner.on("run.requests", partition=1)
    assert (key, value, headers) == (OTHER.encode(), None, [(ORIGIN_HEADER, b"run.requests-0-7")])


def test_what_is_due_is_done_by_a_tick_and_only_then() -> None:
    owner = Owner(a_machine(a={"timeout_ms": 1_000, "retry": {"attempts": 2, "backoff_ms": 100}}))
    owner.batch(request(0, HOME))
    assert owner.memory.next_due == NOW + 1_000
    assert owner.batch(now=NOW + 999, tick=True).empty
    owner.batch(now=NOW + 1_000, tick=True)
    assert said(owner.events())[-1] == "failed a#1 timeout, again after 100 ms"
    assert owner.memory.next_due == NOW + 1_100
    owner.batch(now=NOW + 1_100, tick=True)
    assert said(owner.events())[-1] == "scheduled a#2 {}"


def test_a_time_that_moved_away_leads_to_nothing() -> None:
    owner = Owner(a_machine(a={"timeout_ms": 1_000}, b={"timeout_ms": 5_000}))
    owner.batch(request(0, HOME))
    owner.batch(outcome(0, HOME, succeeded("a")))
    assert owner.batch(now=NOW + 1_000, tick=True).empty
    assert owner.memory.next_due == NOW + 5_000
    owner.batch(now=NOW + 5_000, tick=True)
    assert said(owner.events())[-1] == "run failed node_failed b"
    assert owner.memory.next_due is None


def test_what_is_due_is_known_after_a_restart() -> None:
    owner = Owner(a_machine(a={"timeout_ms": 1_000}))
    owner.batch(request(0, HOME))
    owner.memory = owner.restarted()
    owner.batch(now=NOW + 1_000, tick=True)
    assert said(owner.events())[-1] == "run failed node_failed a"


def test_an_outcome_and_a_time_out_in_one_batch_are_in_order() -> None:
    owner = Owner(a_machine(a={"timeout_ms": 1_000}))
    owner.batch(request(0, HOME))
    owner.batch(outcome(0, HOME, succeeded("a")), now=NOW + 1_000, tick=True)
    assert said(owner.events())[-2:] == ["succeeded a#1 b", "scheduled b#1 {}"]


def test_a_key_that_finished_is_remembered_without_its_state_and_across_restarts() -> None:
    owner = Owner()
    owner.batch(request(0, HOME, events_of.StartRun(workflow="no", input="{}")))
    assert (owner.memory.states, owner.memory.finished) == ({}, {HOME})
    owner.memory = owner.restarted()
    assert owner.memory.finished == {HOME}
    owner.batch(request(1, HOME), outcome(0, HOME, succeeded("a")))
    assert len(owner.events()) == 1


def test_times_of_keys_that_finished_do_not_pile_up() -> None:
    owner = Owner(a_machine(a={"timeout_ms": 80_000_000}))
    owner.batch(request(0, HOME))
    running = owner.memory.states[HOME]
    owner.batch(request(1, HOME, events_of.CancelRun(reason="")))
    ended = owner.machine.restore(HOME, {"": events_of.RunHead(seq=3, prev=b"", status="ended")})
    for number in range(3 * SPARE):
        owner.memory.keep(f"k{number}", running)
        owner.memory.keep(f"k{number}", ended)
    owner.memory.keep("last", running)
    assert len(owner.memory._due) <= SPARE + 2
    assert list(owner.memory.pop_due(NOW + 80_000_000)) == ["last"]


def test_causes_and_traces_are_handed_on() -> None:
    owner = Owner()
    given_headers = [
        ("ce_id", b"e1"),
        ("ce_correlationid", b"c1"),
        ("ce_authid", b"ada"),
        ("traceparent", b"00-a-b-01"),
    ]
    owner.batch(request(7, HOME, headers=given_headers))
    for topic in (RUN_EVENTS, NODE_REQUESTS["template"]):
        headers = dict(owner.on(topic.name)[-1][2])
        assert headers["ce_causationid"] == b"e1"
        assert headers["ce_correlationid"] == b"c1"
        assert headers["ce_authid"] == b"ada"
        assert headers["traceparent"] == b"00-a-b-01"
        assert headers["ce_subject"] == HOME.encode()
        assert headers["ce_id"] == f"run.requests-0-7/1/{topic.name}".encode()


def test_without_headers_the_cause_is_the_place_and_the_correlation_the_run() -> None:
    owner = Owner()
    owner.batch(request(7, HOME))
    headers = dict(owner.on(RUN_EVENTS.name)[0][2])
    assert (headers["ce_causationid"], headers["ce_correlationid"]) == (b"run.requests-0-7", HOME.encode())
    assert "traceparent" not in headers


def test_the_same_batch_again_after_an_abort_has_the_same_bytes() -> None:
    records = (request(0, HOME), outcome(0, HOME, succeeded("a")))
    first, second = Owner(), Owner()
    first.batch(*records)
    second.batch(*records)
    assert first.sent == second.sent


def test_what_leads_to_very_much_is_done_in_several_batches() -> None:
    machine = a_machine(a={"input": {"x": "input.x"}})
    shelf_input = events_of.StartRun(workflow="w", input='{"x":"' + "y" * 380_000 + '"}')
    ids = [name for name in (f"r{n}" for n in range(99)) if partition_of(name.encode(), PARTITIONS) == 0][:30]
    records = [request(offset, name, shelf_input) for offset, name in enumerate(ids)]
    memory, taken = Memory(machine, {}), []
    while records:
        batch = Batch(machine, CODEC, memory, 0, PARTITIONS, NOW)
        batch.consume(records)
        assert batch.outbox.size < LARGEST_BATCH + 8 * 400_000
        assert memory.position == {"run.requests": records[batch.consumed - 1].offset + 1}
        taken.append(batch.consumed)
        records = records[batch.consumed :]
    assert sum(taken) == 30
    assert 1 < len(taken) < 10


def test_what_is_due_waits_for_the_next_batch_when_one_is_full() -> None:
    large = {"timeout_ms": 1_000, "input": {"x": "input.x"}, "retry": {"attempts": 2, "backoff_ms": 10}}
    owner = Owner(a_machine(a=large))
    start = events_of.StartRun(workflow="w", input='{"x":"' + "y" * 380_000 + '"}')
    ids = [name for name in (f"r{n}" for n in range(99)) if partition_of(name.encode(), PARTITIONS) == 0][:30]
    for offset, name in enumerate(ids):
        owner.batch(request(offset, name, start))
    owner.batch(now=NOW + 1_000, tick=True)
    owner.sent.clear()
    batches = [owner.batch(now=NOW + 1_010, tick=True) for _ in range(3)]
    assert [batch.full for batch in batches] == [True, False, False]
    assert batches[2].empty
    assert {key for key, _, _ in owner.on(RUN_EVENTS.name)} == {name.encode() for name in ids}


def test_the_chain_of_a_log_is_over_the_bytes_that_were_sent() -> None:
    owner = Owner()
    owner.batch(request(0, HOME))
    (_, first, _), (_, second, _) = owner.on(RUN_EVENTS.name)
    assert getattr(CODEC.decode(RUN_EVENTS, second), "prev") == hashlib.sha256(first or b"").digest()  # noqa: B009


def test_what_time_leads_to_carries_on_the_request_s_correlation_actor_and_trace() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = [("ce_correlationid", b"order-7"), ("traceparent", trace.encode())]
    owner = Owner()
    owner.batch(request(0, HOME, events_of.StartRun(workflow="w", input="{}", actor="ada", deadline_ms=10), headers))
    owner.memory = owner.restarted()
    owner.batch(now=NOW + 10, tick=True)
    assert said(owner.events())[-1] == "run failed deadline_exceeded"
    (_, _, found) = owner.on(RUN_RESULTS.name)[-1]
    carried = dict(found)
    assert (carried["ce_correlationid"], carried["ce_authid"]) == (b"order-7", b"ada")
    assert carried["traceparent"] == trace.encode()
    assert "ce_causationid" not in carried


def test_a_run_that_is_held_is_looked_at_now_and_then_and_when_something_else_of_it_is_due() -> None:
    shelf = Shelf()
    shelf.put("Workflow", "w", graph("a c", "b d", b={"timeout_ms": 1_500}))
    owner = Owner(RunMachine(CatalogWorkflows(shelf.catalog)))
    owner.batch(request(0, HOME))
    shelf.change("w", resource.PauseWorkflow())
    owner.batch(outcome(0, HOME, succeeded("a")))
    assert said(owner.events())[-1] == "held c#1"
    looked_at = []
    for _ in range(3):
        looked_at.append((owner.memory.next_due or 0) - NOW)
        owner.batch(tick=True, now=NOW + looked_at[-1])
    assert looked_at == [1, 1_001, 1_500], "at once, a second later, and when b's time is over"
    assert said(owner.events())[-2:] == ["failed b#1 timeout", "run failed node_failed b"]


def test_what_fits_into_no_record_refuses_the_run_and_harms_no_other() -> None:
    shelf = Shelf()
    uses = {f"u{number}": f"u{number}" for number in range(40)}
    for name in uses:
        shelf.put("Prompt", name, {**PROMPT, "description": "x" * 250_000})
    shelf.put("Prompt", "p", {**PROMPT, "uses": uses})
    shelf.put("Model", "m", MODEL)
    asks = {"type": "model_invoke", "config": {"prompt": "p", "model": "m"}}
    another = next(name for n in range(99) if partition_of((name := f"s{n}").encode(), PARTITIONS) == 0)
    shelf.put("Workflow", "large", graph("a b", b=asks))
    shelf.put("Workflow", "w", graph("a b"))
    owner = Owner(RunMachine(CatalogWorkflows(shelf.catalog)))
    owner.batch(request(0, HOME, events_of.StartRun(workflow="large", input="{}")))
    owner.batch(request(1, another), outcome(0, HOME, succeeded("a")))
    failed = owner.events()[-1]
    assert isinstance(failed, events_of.RunFailed)
    assert (failed.code, "node.model_invoke.requests" in failed.message) == ("run_too_large", True)
    assert said(owner.events())[2:4] == ["started", "scheduled a#1 {}"], "the other run"
