"""Encoding and decoding, with a registry in memory that keeps the real one's promises: equal schema, equal id."""

import io
import json

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.codec import Codec
from headrace.errors import Undecodable
from headrace.events import run
from headrace.testing import MemoryRegistry
from headrace.topics import RUN_EVENTS, RUN_REQUESTS

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
