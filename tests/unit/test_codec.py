"""Encoding and decoding, with a registry in memory that keeps the real one's promises: equal schema, equal id."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.codec import MISSING_S, Codec
from headrace.errors import LONGEST_REASON, RegistryUnavailable, Undecodable
from headrace.events import run
from headrace.testing import MemoryRegistry
from headrace.topics import RUN_EVENTS, RUN_REQUESTS
from workflow_router.core.refusal import refuse

START = run.StartRun(workflow="w", input="{}", labels={"team": "a"})


@pytest.fixture
async def codec() -> Codec:
    codec = Codec(MemoryRegistry())
    await codec.register((RUN_REQUESTS, RUN_EVENTS))
    return codec


async def test_an_event_comes_back_as_it_was(codec: Codec) -> None:
    usage = run.Usage(input_tokens=1, output_tokens=2, cost="0.10", currency="USD")
    call = run.Call(provider="m@1", outcome="ok", latency_ms=3, usage=usage)
    event = run.NodeSucceeded(
        seq=1, prev=b"\x00" * 32, at=1, node="n", output="{}", usage=usage, calls=(call,), started_at=1, finished_at=2
    )
    assert codec.decode(RUN_EVENTS, codec.encode(RUN_EVENTS, event)) == event


async def test_a_later_writer_with_a_new_optional_field_is_understood() -> None:
    registry = MemoryRegistry()
    schema = json.loads(run.StartRun.SCHEMA)
    schema["fields"].append({"name": "colour", "type": ["null", "string"], "default": None})
    schema_id = await registry.register("any-subject", json.dumps(schema))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), {"workflow": "w", "input": "{}", "colour": "red"})
    value = b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()
    codec = Codec(registry)
    await codec.learn(codec.unknown([value]))
    assert codec.decode(RUN_REQUESTS, value) == run.StartRun(workflow="w", input="{}")


async def test_a_registry_that_has_not_read_its_own_log_yet_is_away_and_makes_no_poison() -> None:
    registry = MemoryRegistry()
    codec = Codec(registry)
    await codec.register((RUN_REQUESTS,))
    foreign = await registry.register("any-subject", '{"type": "record", "name": "x.Y", "fields": []}')
    value = b"\x00" + foreign.to_bytes(4, "big")
    there, registry._schemas = registry._schemas, []
    with pytest.raises(RegistryUnavailable, match="which we registered there"):
        await codec.learn(codec.unknown([value]))
    registry._schemas = there
    await codec.learn(codec.unknown([value]))
    with pytest.raises(Undecodable, match=r"x\.Y"):
        codec.decode(RUN_REQUESTS, value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "\ud800", "fields": [{"name": "a", "type": "int"}]},
        {"type": "record", "name": "StartRun", "fields": [{"name": "x" * 3_000_000, "type": "no such type"}]},
    ],
    ids=["half a pair", "3 MB"],
)
async def test_why_a_record_is_poison_is_no_poison_itself(schema: dict[str, Any]) -> None:
    registry = MemoryRegistry()
    codec = Codec(registry)
    await codec.register((RUN_REQUESTS, RUN_EVENTS))
    value = b"\x00" + (await registry.register("any", json.dumps(schema))).to_bytes(4, "big") + b"\x00"
    await codec.learn(codec.unknown([value]))
    with pytest.raises(Undecodable) as told:
        codec.decode(RUN_REQUESTS, value)
    assert len(str(told.value)) <= LONGEST_REASON
    codec.encode(RUN_EVENTS, refuse(0, "w", "request_unreadable", str(told.value)))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "wire format"),
        (b"{}", "wire format"),
        (b"\x01\x00\x00\x00\x01abc", "wire format"),
        (b"\x00\x00\x00\xff\xffabc", "schema id 65535 is not in the schema registry"),
    ],
)
async def test_poison_says_why(codec: Codec, value: bytes | None, reason: str) -> None:
    await codec.learn(codec.unknown([value]))
    with pytest.raises(Undecodable, match=reason):
        codec.decode(RUN_REQUESTS, value)


async def test_a_foreign_record_is_poison(codec: Codec) -> None:
    registry = MemoryRegistry()
    await registry.register("x", json.dumps({"type": "record", "name": "shop.Order", "fields": []}))
    foreign = Codec(registry)
    value = b"\x00\x00\x00\x00\x01"
    await foreign.learn(foreign.unknown([value]))
    with pytest.raises(Undecodable, match=r"shop\.Order"):
        foreign.decode(RUN_REQUESTS, value)


async def test_a_record_on_the_wrong_topic_is_poison(codec: Codec) -> None:
    with pytest.raises(Undecodable, match=r"headrace\.run\.StartRun does not belong on run\.events"):
        codec.decode(RUN_EVENTS, codec.encode(RUN_REQUESTS, START))


async def test_what_follows_the_body_is_poison(codec: Codec) -> None:
    with pytest.raises(Undecodable, match="3 bytes follow"):
        codec.decode(RUN_REQUESTS, codec.encode(RUN_REQUESTS, START) + b"abc")


@given(junk=st.binary(max_size=200))
async def test_no_bytes_can_do_worse_than_be_poison(junk: bytes) -> None:
    codec = Codec(MemoryRegistry())
    await codec.register((RUN_REQUESTS,))
    prefix = codec.encode(RUN_REQUESTS, START)[:5]
    try:
        codec.decode(RUN_REQUESTS, prefix + junk)
    except Undecodable:
        return


def start_run(*fields: dict[str, object]) -> str:
    return json.dumps({"type": "record", "name": "headrace.run.StartRun", "fields": list(fields)})


NESTED: object = "string"
for _ in range(600):
    NESTED = {"type": "array", "items": NESTED}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (start_run({"name": "next", "type": ["null", "headrace.run.StartRun"]}), "refers to itself"),
        (start_run({"name": "next", "type": ["null", "StartRun"]}), "refers to itself"),
        (start_run({"name": "many", "type": {"type": "array", "items": "null"}}), "takes no bytes"),
        (start_run({"name": "many", "type": {"type": "fixed", "name": "f", "size": 0}}), "takes no bytes"),
        (start_run({"name": "many", "type": {"type": "record", "name": "r", "fields": []}}), "has no fields"),
        (start_run({"name": "deep", "type": NESTED}), "nested"),
    ],
)
async def test_a_writer_s_schema_that_could_stall_or_crash_a_reader_is_poison(schema: str, reason: str) -> None:
    registry = MemoryRegistry()
    schema_id = await registry.register("any", schema)
    codec = Codec(registry)
    value = b"\x00" + schema_id.to_bytes(4, "big") + b"\x02" * 100_000
    await codec.learn(codec.unknown([value]))
    with pytest.raises(Undecodable, match=reason):
        codec.decode(RUN_REQUESTS, value)


async def test_a_missing_schema_is_asked_for_again_after_a_while(codec: Codec) -> None:
    value = b"\x00\x00\x00\xff\xffabc"
    await codec.learn(codec.unknown([value]))
    assert codec.unknown([value]) == set()
    codec._missing[65_535] -= MISSING_S
    assert codec.unknown([value]) == {65_535}
