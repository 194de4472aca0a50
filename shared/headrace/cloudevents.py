"""CloudEvents 1.0 attributes as Kafka headers (binary mode), written by us and read leniently.

Source: the CloudEvents Kafka protocol binding 1.0.2. A record of a stock Avro client has none of these headers; what is
missing is derived from where the record stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Header = tuple[str, bytes]

LONGEST = 1_024
"""Bytes of the longest attribute that is read: we write most of them again, on every record that follows."""

SPEC: tuple[Header, ...] = (("ce_specversion", b"1.0"), ("content-type", b"application/avro"))


@dataclass(frozen=True, slots=True)
class Attributes:
    """Where a record comes from and what caused it.

    correlation: the id that a caller follows through everything that its request led to.
    causation: the id of the record that led to this one.
    """

    id: str
    source: str | None = None
    subject: str | None = None
    correlation: str | None = None
    causation: str | None = None
    actor: str | None = None
    traceparent: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace that the record belongs to: the second part of `traceparent` (W3C Trace Context)."""
        parts = (self.traceparent or "").split("-")
        return parts[1] if len(parts) >= 4 else None


_NAMES = {
    "ce_id": "id",
    "ce_source": "source",
    "ce_subject": "subject",
    "ce_correlationid": "correlation",
    "ce_causationid": "causation",
    "ce_authid": "actor",
    "traceparent": "traceparent",
}


def attributes(headers: Iterable[tuple[str, bytes | None]], coordinates: str) -> Attributes:
    """The attributes of a record at `<topic>-<partition>-<offset>`.

    A header that is not text, or too long, counts as missing.
    """
    found: dict[str, str] = {"id": coordinates}
    for name, value in headers:
        if value and len(value) <= LONGEST and (attribute := _NAMES.get(name)):
            try:
                found[attribute] = value.decode()
            except UnicodeDecodeError:
                continue
    return Attributes(**found)


def timestamp(now_ms: int) -> bytes:
    """RFC 3339 text of epoch milliseconds, as the header ce_time carries it."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").encode()


def headers(event_type: str, event_id: str, shared: Sequence[Header]) -> list[Header]:
    """The headers of a record that we write. shared: those of all records with the same cause, from `shared`."""
    return [*SPEC, ("ce_type", event_type.encode()), ("ce_id", event_id.encode()), *shared]


def shared(
    *,
    source: bytes,
    time: bytes,
    subject: bytes,
    correlation: str,
    causation: str | None = None,
    actor: str | None = None,
    traceparent: str | None = None,
) -> list[Header]:
    """Headers that say where records come from, and what caused them. `time` comes from `timestamp`, once a batch."""
    written = [
        ("ce_source", source),
        ("ce_time", time),
        ("ce_subject", subject),
        ("ce_correlationid", correlation.encode()),
    ]
    if causation is not None:
        written.append(("ce_causationid", causation.encode()))
    if actor is not None:
        written.append(("ce_authid", actor.encode()))
    if traceparent is not None:
        written.append(("traceparent", traceparent.encode()))
    return written
