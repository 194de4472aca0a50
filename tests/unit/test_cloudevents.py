"""CloudEvents attributes as headers: written by us, read leniently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.cloudevents import LONGEST, Attributes, attributes, headers, shared, timestamp

PLACE = "run.requests-0-7"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_what_we_write_we_read() -> None:
    about = shared(
        source=b"/headrace/x",
        time=timestamp(1_800_000_000_123),
        subject=b"r1",
        correlation="c1",
        causation="e0",
        actor="ada",
        traceparent=TRACE,
    )
    written = headers("headrace.run.RunStarted", "e1", about)
    assert attributes(written, PLACE) == Attributes("e1", "/headrace/x", "r1", "c1", "e0", "ada", TRACE)
    assert dict(written)["ce_type"] == b"headrace.run.RunStarted"
    assert dict(written)["ce_specversion"] == b"1.0"
    assert dict(written)["content-type"] == b"application/avro"
    assert dict(written)["ce_time"] == b"2027-01-15T08:00:00.123+00:00"


def test_what_nobody_said_is_not_written() -> None:
    written = headers("t", "e", shared(source=b"s", time=b"", subject=b"r", correlation="c"))
    assert [name for name, _ in written if name in ("ce_causationid", "ce_authid", "traceparent")] == []


def test_a_record_without_headers_is_known_by_its_place() -> None:
    assert attributes([], PLACE) == Attributes(PLACE)


@pytest.mark.parametrize("value", [b"", None, b"\xff\xfe", b"x" * (LONGEST + 1)])
@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_correlationid", "traceparent"])
def test_a_header_that_makes_no_sense_counts_as_missing(name: str, value: bytes | None) -> None:
    assert attributes([(name, value), ("other", b"1")], PLACE) == Attributes(PLACE)


def test_of_headers_with_one_name_the_last_counts() -> None:
    assert attributes([("ce_id", b"a"), ("ce_id", b"b"), ("ce_id", b"\xff")], PLACE).id == "b"


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (TRACE, "0af7651916cd43dd8448eb211c80319c"),
        ("00-a-b-01-more", "a"),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_the_trace_is_the_second_part_of_its_header(traceparent: str | None, trace_id: str | None) -> None:
    assert Attributes(PLACE, traceparent=traceparent).trace_id == trace_id


@given(
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_authid", "x"]) | st.text(), st.none() | st.binary(max_size=99)))
)
def test_no_header_harms(written: list[tuple[str, bytes | None]]) -> None:
    read = attributes(written, PLACE)
    assert read.id
    assert all(len(value) <= LONGEST for value in (read.id, read.actor or ""))
