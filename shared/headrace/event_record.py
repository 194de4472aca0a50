"""An event of our own as a record: how a service tells what nobody asked it for."""

import time
import uuid

from headrace import cloudevents
from headrace.codec import Codec
from headrace.event import Event
from headrace.outbox import Record
from headrace.topics import Topic


def event_record(codec: Codec, topic: Topic, key: str, event: Event, *, source: bytes, correlation: str) -> Record:
    """The record of an event that is told now: its key, its Avro value, and CloudEvents headers.

    An event that has an `id` keeps it, so that a repetition can be told.
    source: who tells. correlation: what the event belongs to.
    """
    subject = key.encode()
    headers = cloudevents.headers(
        event.NAME,
        getattr(event, "id", None) or str(uuid.uuid4()),
        cloudevents.shared(
            source=source,
            time=cloudevents.timestamp(time.time_ns() // 1_000_000),
            subject=subject,
            correlation=correlation,
        ),
    )
    return subject, codec.encode(topic, event), headers
