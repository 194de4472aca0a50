"""Events of the domain `control`.

Generated from `schemas/control/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event


class Position(Event, frozen=True, gc=False, kw_only=True):
    """A machine's place in its inputs; committed with its outputs. Key: @position.

    offsets: Next offset by input topic, same partition.
    """

    NAME: ClassVar[str] = "headrace.control.Position"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "Position", "namespace": "headrace.control", "doc": "A machine\'s place in its inputs; committed with its outputs. Key: @position.", "fields": [{"name": "offsets", "type": {"type": "map", "values": "long"}, "doc": "Next offset by input topic, same partition."}]}'

    offsets: Mapping[str, int]


class TableApplied(Event, frozen=True, gc=False, kw_only=True):
    """How far an instance has applied a table. Key: instance/topic.

    instance: Service instance.
    service: Service.
    topic: The table's topic.
    offsets: Next offset by partition.
    at: When the service decided it.
    """

    NAME: ClassVar[str] = "headrace.control.TableApplied"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "TableApplied", "namespace": "headrace.control", "doc": "How far an instance has applied a table. Key: instance/topic.", "fields": [{"name": "instance", "type": "string", "doc": "Service instance."}, {"name": "service", "type": "string", "doc": "Service."}, {"name": "topic", "type": "string", "doc": "The table\'s topic."}, {"name": "offsets", "type": {"type": "map", "values": "long"}, "doc": "Next offset by partition."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}]}'

    instance: str
    service: str
    topic: str
    offsets: Mapping[str, int]
    at: int
