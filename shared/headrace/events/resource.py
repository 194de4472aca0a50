"""Events of the domain `resource`.

Generated from `schemas/resource/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event


class ChangeRefused(Event, frozen=True, gc=False, kw_only=True):
    """A command was refused; nothing changed.

    at: When the service decided it.
    command: The refused command's record name.
    code: Stable error code.
    message: What was wrong, where, what to do.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.ChangeRefused"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ChangeRefused", "namespace": "headrace.resource", "doc": "A command was refused; nothing changed.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "command", "type": "string", "doc": "The refused command\'s record name."}, {"name": "code", "type": "string", "doc": "Stable error code."}, {"name": "message", "type": "string", "doc": "What was wrong, where, what to do."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    command: str
    code: str
    message: str
    actor: str | None = None
    reason: str | None = None


class CreateVersion(Event, frozen=True, gc=False, kw_only=True):
    """Create an immutable version of a prompt, model, alias or workflow. Key: its name.

    kind: Prompt, Model, ModelAlias or Workflow.
    spec: JSON object: the resource's spec.
    pointer: Pointer to move to this version in the same step.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.CreateVersion"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "CreateVersion", "namespace": "headrace.resource", "doc": "Create an immutable version of a prompt, model, alias or workflow. Key: its name.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "spec", "type": "string", "doc": "JSON object: the resource\'s spec."}, {"name": "pointer", "type": ["null", "string"], "doc": "Pointer to move to this version in the same step.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    kind: str
    spec: str
    pointer: str | None = None
    actor: str | None = None
    reason: str | None = None


class MovePointer(Event, frozen=True, gc=False, kw_only=True):
    """Move a pointer to a version. Key: the resource's name.

    pointer: production, staging, ...: any name that is not a number, and not latest.
    version: The version to point at.
    expected: Refuse unless the pointer stands here now.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.MovePointer"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "MovePointer", "namespace": "headrace.resource", "doc": "Move a pointer to a version. Key: the resource\'s name.", "fields": [{"name": "pointer", "type": "string", "doc": "production, staging, ...: any name that is not a number, and not latest."}, {"name": "version", "type": "int", "doc": "The version to point at."}, {"name": "expected", "type": ["null", "int"], "doc": "Refuse unless the pointer stands here now.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    pointer: str
    version: int
    expected: int | None = None
    actor: str | None = None
    reason: str | None = None


class PointerMoved(Event, frozen=True, gc=False, kw_only=True):
    """A pointer stands elsewhere.

    at: When the service decided it.
    pointer: The pointer.
    version: Where it stands now.
    previous: Where it stood; null when it is new.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.PointerMoved"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "PointerMoved", "namespace": "headrace.resource", "doc": "A pointer stands elsewhere.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "pointer", "type": "string", "doc": "The pointer."}, {"name": "version", "type": "int", "doc": "Where it stands now."}, {"name": "previous", "type": ["null", "int"], "doc": "Where it stood; null when it is new.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    pointer: str
    version: int
    previous: int | None = None
    actor: str | None = None
    reason: str | None = None


class ResourceHead(Event, frozen=True, gc=False, kw_only=True):
    """State of a resource. Key: its name.

    kind: Prompt, Model, ModelAlias or Workflow.
    latest: The newest version.
    pointers: Version by pointer.
    """

    NAME: ClassVar[str] = "headrace.resource.ResourceHead"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ResourceHead", "namespace": "headrace.resource", "doc": "State of a resource. Key: its name.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "latest", "type": "int", "doc": "The newest version."}, {"name": "pointers", "type": {"type": "map", "values": "int"}, "doc": "Version by pointer.", "default": {}}]}'

    kind: str
    latest: int
    pointers: Mapping[str, int] = {}


class ResourceVersion(Event, frozen=True, gc=False, kw_only=True):
    """One version of a resource. Key: name/version.

    kind: Prompt, Model, ModelAlias or Workflow.
    version: From 1.
    digest: SHA-256 of the spec.
    spec: Canonical JSON.
    at: When the service decided it.
    actor: Who asks, as the caller states it.
    """

    NAME: ClassVar[str] = "headrace.resource.ResourceVersion"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ResourceVersion", "namespace": "headrace.resource", "doc": "One version of a resource. Key: name/version.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "version", "type": "int", "doc": "From 1."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the spec."}, {"name": "spec", "type": "string", "doc": "Canonical JSON."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}]}'

    kind: str
    version: int
    digest: str
    spec: str
    at: int
    actor: str | None = None


class VersionCreated(Event, frozen=True, gc=False, kw_only=True):
    """A version exists from now on and never changes.

    at: When the service decided it.
    kind: Prompt, Model, ModelAlias or Workflow.
    version: From 1.
    digest: SHA-256 of the canonical spec, hexadecimal.
    spec: Canonical JSON.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.VersionCreated"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "VersionCreated", "namespace": "headrace.resource", "doc": "A version exists from now on and never changes.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "version", "type": "int", "doc": "From 1."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the canonical spec, hexadecimal."}, {"name": "spec", "type": "string", "doc": "Canonical JSON."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    kind: str
    version: int
    digest: str
    spec: str
    actor: str | None = None
    reason: str | None = None


class VersionReused(Event, frozen=True, gc=False, kw_only=True):
    """The same content exists already; no version was made.

    at: When the service decided it.
    version: The version that has this content.
    digest: SHA-256 of the canonical spec.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.VersionReused"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "VersionReused", "namespace": "headrace.resource", "doc": "The same content exists already; no version was made.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "version", "type": "int", "doc": "The version that has this content."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the canonical spec."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    version: int
    digest: str
    actor: str | None = None
    reason: str | None = None
