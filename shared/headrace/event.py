"""The base of all generated event models."""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A record that travels over Kafka: frozen, slotted, generated from its Avro schema.

    NAME is the record's full name and SCHEMA its Avro schema as JSON text; records that only occur inside others
    have neither.
    """

    NAME: ClassVar[str] = ""
    SCHEMA: ClassVar[str] = ""
