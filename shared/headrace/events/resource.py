"""Events of the domain `resource`.

Generated from `schemas/resource/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event


class Share(Event, frozen=True, gc=False, kw_only=True):
    """A version's part of a pointer's traffic.

    version: The version.
    weight: Its part, in relation to the sum of all weights.
    """

    version: int
    weight: int


class Proposal(Event, frozen=True, gc=False, kw_only=True):
    """A change of a protected pointer that waits for a second actor.

    at: When it was proposed.
    version: Where the pointer is to stand; null when its protection is to be lifted.
    split: Versions that share the pointer's traffic, by weight; empty when one has all of it.
    previous: Where the pointer stood when it was proposed; null when it is new.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    at: int = 0
    version: int | None = None
    split: tuple[Share, ...] = ()
    previous: int | None = None
    actor: str | None = None
    reason: str | None = None


class Paused(Event, frozen=True, gc=False, kw_only=True):
    """Since when, by whom and why a workflow is paused.

    at: Since when.
    actor: Who paused it, as the caller states it.
    reason: Why, for the audit trail.
    """

    at: int
    actor: str | None = None
    reason: str | None = None


class ApproveChange(Event, frozen=True, gc=False, kw_only=True):
    """Approve of the change that waits for a protected pointer. Key: the resource's name.

    pointer: The pointer.
    version: What is approved of: refused unless the proposal says the same; null: that the protection is lifted.
    split: The split that is approved of; empty when the proposal is none.
    proposed_at: When it was proposed: refused unless what waits was; so an approval that is sent again approves of nothing else.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.ApproveChange"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ApproveChange", "namespace": "headrace.resource", "doc": "Approve of the change that waits for a protected pointer. Key: the resource\'s name.", "fields": [{"name": "pointer", "type": "string", "doc": "The pointer."}, {"name": "version", "type": ["null", "int"], "doc": "What is approved of: refused unless the proposal says the same; null: that the protection is lifted.", "default": null}, {"name": "split", "type": {"type": "array", "items": {"type": "record", "name": "Share", "namespace": "headrace.resource", "doc": "A version\'s part of a pointer\'s traffic.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "weight", "type": "int", "doc": "Its part, in relation to the sum of all weights."}]}}, "doc": "The split that is approved of; empty when the proposal is none.", "default": []}, {"name": "proposed_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "doc": "When it was proposed: refused unless what waits was; so an approval that is sent again approves of nothing else.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    pointer: str
    version: int | None = None
    split: tuple[Share, ...] = ()
    proposed_at: int | None = None
    actor: str | None = None
    reason: str | None = None


class BodyErased(Event, frozen=True, gc=False, kw_only=True):
    """A stored body is destroyed; its digest and the history of its versions stay.

    at: When the service decided it.
    versions: Every version that had this body.
    digest: SHA-256 of the body, hexadecimal.
    """

    NAME: ClassVar[str] = "headrace.resource.BodyErased"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "BodyErased", "namespace": "headrace.resource", "doc": "A stored body is destroyed; its digest and the history of its versions stay.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "versions", "type": {"type": "array", "items": "int"}, "doc": "Every version that had this body."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the body, hexadecimal."}]}'

    at: int
    versions: tuple[int, ...]
    digest: str


class BodyUnusable(Event, frozen=True, gc=False, kw_only=True):
    """A stored body could not be used, so a node failed. Key: the prompt's name.

    at: When the service decided it.
    version: The prompt's version.
    digest: SHA-256 that the body should have, hexadecimal.
    code: body_missing, body_tampered or body_refused.
    message: What was wrong, without a word of the body.
    run: The run whose node failed.
    node: The node.
    """

    NAME: ClassVar[str] = "headrace.resource.BodyUnusable"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "BodyUnusable", "namespace": "headrace.resource", "doc": "A stored body could not be used, so a node failed. Key: the prompt\'s name.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "version", "type": "int", "doc": "The prompt\'s version."}, {"name": "digest", "type": "string", "doc": "SHA-256 that the body should have, hexadecimal."}, {"name": "code", "type": "string", "doc": "body_missing, body_tampered or body_refused."}, {"name": "message", "type": "string", "doc": "What was wrong, without a word of the body."}, {"name": "run", "type": "string", "doc": "The run whose node failed."}, {"name": "node", "type": "string", "doc": "The node."}]}'

    at: int
    version: int
    digest: str
    code: str
    message: str
    run: str
    node: str


class ChangeProposed(Event, frozen=True, gc=False, kw_only=True):
    """A change of a protected pointer waits for a second actor; it takes the place of one that waited before.

    at: When the service decided it.
    pointer: The pointer.
    version: Where it is to stand; null when its protection is to be lifted.
    split: Versions that share the pointer's traffic, by weight; empty when one has all of it.
    previous: Where the pointer stood when it was proposed; null when it is new.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    previous_split: Versions that shared its traffic then, by weight; empty when one had all of it.
    replaces: The proposal that this takes the place of; null when none waited.
    """

    NAME: ClassVar[str] = "headrace.resource.ChangeProposed"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ChangeProposed", "namespace": "headrace.resource", "doc": "A change of a protected pointer waits for a second actor; it takes the place of one that waited before.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "pointer", "type": "string", "doc": "The pointer."}, {"name": "version", "type": ["null", "int"], "doc": "Where it is to stand; null when its protection is to be lifted.", "default": null}, {"name": "split", "type": {"type": "array", "items": {"type": "record", "name": "Share", "namespace": "headrace.resource", "doc": "A version\'s part of a pointer\'s traffic.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "weight", "type": "int", "doc": "Its part, in relation to the sum of all weights."}]}}, "doc": "Versions that share the pointer\'s traffic, by weight; empty when one has all of it.", "default": []}, {"name": "previous", "type": ["null", "int"], "doc": "Where the pointer stood when it was proposed; null when it is new.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}, {"name": "previous_split", "type": {"type": "array", "items": "headrace.resource.Share"}, "doc": "Versions that shared its traffic then, by weight; empty when one had all of it.", "default": []}, {"name": "replaces", "type": ["null", {"type": "record", "name": "Proposal", "namespace": "headrace.resource", "doc": "A change of a protected pointer that waits for a second actor.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it was proposed.", "default": 0}, {"name": "version", "type": ["null", "int"], "doc": "Where the pointer is to stand; null when its protection is to be lifted.", "default": null}, {"name": "split", "type": {"type": "array", "items": "headrace.resource.Share"}, "doc": "Versions that share the pointer\'s traffic, by weight; empty when one has all of it.", "default": []}, {"name": "previous", "type": ["null", "int"], "doc": "Where the pointer stood when it was proposed; null when it is new.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}], "doc": "The proposal that this takes the place of; null when none waited.", "default": null}]}'

    at: int
    pointer: str
    version: int | None = None
    split: tuple[Share, ...] = ()
    previous: int | None = None
    actor: str | None = None
    reason: str | None = None
    previous_split: tuple[Share, ...] = ()
    replaces: Proposal | None = None


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
    move_known: Move the pointer to content that exists already, too; else it moves there only when it is new itself.
    """

    NAME: ClassVar[str] = "headrace.resource.CreateVersion"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "CreateVersion", "namespace": "headrace.resource", "doc": "Create an immutable version of a prompt, model, alias or workflow. Key: its name.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "spec", "type": "string", "doc": "JSON object: the resource\'s spec."}, {"name": "pointer", "type": ["null", "string"], "doc": "Pointer to move to this version in the same step.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}, {"name": "move_known", "type": "boolean", "doc": "Move the pointer to content that exists already, too; else it moves there only when it is new itself.", "default": false}]}'

    kind: str
    spec: str
    pointer: str | None = None
    actor: str | None = None
    reason: str | None = None
    move_known: bool = False


class EraseBody(Event, frozen=True, gc=False, kw_only=True):
    """Destroy the stored body of a prompt's version, for good. Key: the prompt's name.

    version: The version.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.EraseBody"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "EraseBody", "namespace": "headrace.resource", "doc": "Destroy the stored body of a prompt\'s version, for good. Key: the prompt\'s name.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    version: int
    actor: str | None = None
    reason: str | None = None


class ErasureOrdered(Event, frozen=True, gc=False, kw_only=True):
    """A body may not be used any more and is about to be destroyed.

    at: When the service decided it.
    versions: Every version that has this body.
    digest: SHA-256 of the body, hexadecimal.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.ErasureOrdered"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ErasureOrdered", "namespace": "headrace.resource", "doc": "A body may not be used any more and is about to be destroyed.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "versions", "type": {"type": "array", "items": "int"}, "doc": "Every version that has this body."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the body, hexadecimal."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    versions: tuple[int, ...]
    digest: str
    actor: str | None = None
    reason: str | None = None


class MovePointer(Event, frozen=True, gc=False, kw_only=True):
    """Move a pointer to a version. Key: the resource's name.

    pointer: production, staging, ...: any name that is not a number, and not latest.
    version: The version to point at; of a split the version of its first share.
    split: Versions that share the pointer's traffic, by weight; empty when one has all of it.
    expected: Refuse unless the pointer stands here now, split as `expected_split` says; null: wherever it stands.
    expected_split: The shares that the pointer has now; empty when one version has all its traffic. Refused without `expected`.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.MovePointer"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "MovePointer", "namespace": "headrace.resource", "doc": "Move a pointer to a version. Key: the resource\'s name.", "fields": [{"name": "pointer", "type": "string", "doc": "production, staging, ...: any name that is not a number, and not latest."}, {"name": "version", "type": "int", "doc": "The version to point at; of a split the version of its first share."}, {"name": "split", "type": {"type": "array", "items": {"type": "record", "name": "Share", "namespace": "headrace.resource", "doc": "A version\'s part of a pointer\'s traffic.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "weight", "type": "int", "doc": "Its part, in relation to the sum of all weights."}]}}, "doc": "Versions that share the pointer\'s traffic, by weight; empty when one has all of it.", "default": []}, {"name": "expected", "type": ["null", "int"], "doc": "Refuse unless the pointer stands here now, split as `expected_split` says; null: wherever it stands.", "default": null}, {"name": "expected_split", "type": {"type": "array", "items": "headrace.resource.Share"}, "doc": "The shares that the pointer has now; empty when one version has all its traffic. Refused without `expected`.", "default": []}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    pointer: str
    version: int
    split: tuple[Share, ...] = ()
    expected: int | None = None
    expected_split: tuple[Share, ...] = ()
    actor: str | None = None
    reason: str | None = None


class PauseWorkflow(Event, frozen=True, gc=False, kw_only=True):
    """Hold the nodes of a workflow's runs, whatever version these are on, until it is resumed. Key: the workflow's name.

    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.PauseWorkflow"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "PauseWorkflow", "namespace": "headrace.resource", "doc": "Hold the nodes of a workflow\'s runs, whatever version these are on, until it is resumed. Key: the workflow\'s name.", "fields": [{"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

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
    split: Versions that share the pointer's traffic, by weight; empty when one has all of it.
    approved_by: Who approved it, when the pointer is protected.
    previous_split: Versions that shared its traffic before, by weight; empty when one had all of it.
    """

    NAME: ClassVar[str] = "headrace.resource.PointerMoved"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "PointerMoved", "namespace": "headrace.resource", "doc": "A pointer stands elsewhere.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "pointer", "type": "string", "doc": "The pointer."}, {"name": "version", "type": "int", "doc": "Where it stands now."}, {"name": "previous", "type": ["null", "int"], "doc": "Where it stood; null when it is new.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}, {"name": "split", "type": {"type": "array", "items": {"type": "record", "name": "Share", "namespace": "headrace.resource", "doc": "A version\'s part of a pointer\'s traffic.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "weight", "type": "int", "doc": "Its part, in relation to the sum of all weights."}]}}, "doc": "Versions that share the pointer\'s traffic, by weight; empty when one has all of it.", "default": []}, {"name": "approved_by", "type": ["null", "string"], "doc": "Who approved it, when the pointer is protected.", "default": null}, {"name": "previous_split", "type": {"type": "array", "items": "headrace.resource.Share"}, "doc": "Versions that shared its traffic before, by weight; empty when one had all of it.", "default": []}]}'

    at: int
    pointer: str
    version: int
    previous: int | None = None
    actor: str | None = None
    reason: str | None = None
    split: tuple[Share, ...] = ()
    approved_by: str | None = None
    previous_split: tuple[Share, ...] = ()


class PointerProtected(Event, frozen=True, gc=False, kw_only=True):
    """A pointer is protected from now on, or no longer.

    at: When the service decided it.
    pointer: The pointer.
    protected: Whether it is protected.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    approved_by: Who approved of lifting it.
    """

    NAME: ClassVar[str] = "headrace.resource.PointerProtected"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "PointerProtected", "namespace": "headrace.resource", "doc": "A pointer is protected from now on, or no longer.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "pointer", "type": "string", "doc": "The pointer."}, {"name": "protected", "type": "boolean", "doc": "Whether it is protected."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}, {"name": "approved_by", "type": ["null", "string"], "doc": "Who approved of lifting it.", "default": null}]}'

    at: int
    pointer: str
    protected: bool
    actor: str | None = None
    reason: str | None = None
    approved_by: str | None = None


class ProtectPointer(Event, frozen=True, gc=False, kw_only=True):
    """Protect a pointer: from then on a second actor must approve of each move. To lift that must be approved too. Key: the resource's name.

    pointer: The pointer.
    protected: Whether it is to be protected.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.ProtectPointer"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ProtectPointer", "namespace": "headrace.resource", "doc": "Protect a pointer: from then on a second actor must approve of each move. To lift that must be approved too. Key: the resource\'s name.", "fields": [{"name": "pointer", "type": "string", "doc": "The pointer."}, {"name": "protected", "type": "boolean", "doc": "Whether it is to be protected.", "default": true}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    pointer: str
    protected: bool = True
    actor: str | None = None
    reason: str | None = None


class ResourceHead(Event, frozen=True, gc=False, kw_only=True):
    """State of a resource. Key: its name.

    kind: Prompt, Model, ModelAlias or Workflow.
    latest: The newest version.
    pointers: Version by pointer.
    splits: Of pointers that several versions share: each version's part.
    protected: Pointers that need a second actor's approval.
    proposals: What waits for approval, by pointer.
    paused: Of a workflow whose runs are held; null when they go on.
    """

    NAME: ClassVar[str] = "headrace.resource.ResourceHead"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ResourceHead", "namespace": "headrace.resource", "doc": "State of a resource. Key: its name.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "latest", "type": "int", "doc": "The newest version."}, {"name": "pointers", "type": {"type": "map", "values": "int"}, "doc": "Version by pointer.", "default": {}}, {"name": "splits", "type": {"type": "map", "values": {"type": "array", "items": {"type": "record", "name": "Share", "namespace": "headrace.resource", "doc": "A version\'s part of a pointer\'s traffic.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "weight", "type": "int", "doc": "Its part, in relation to the sum of all weights."}]}}}, "doc": "Of pointers that several versions share: each version\'s part.", "default": {}}, {"name": "protected", "type": {"type": "array", "items": "string"}, "doc": "Pointers that need a second actor\'s approval.", "default": []}, {"name": "proposals", "type": {"type": "map", "values": {"type": "record", "name": "Proposal", "namespace": "headrace.resource", "doc": "A change of a protected pointer that waits for a second actor.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it was proposed.", "default": 0}, {"name": "version", "type": ["null", "int"], "doc": "Where the pointer is to stand; null when its protection is to be lifted.", "default": null}, {"name": "split", "type": {"type": "array", "items": "headrace.resource.Share"}, "doc": "Versions that share the pointer\'s traffic, by weight; empty when one has all of it.", "default": []}, {"name": "previous", "type": ["null", "int"], "doc": "Where the pointer stood when it was proposed; null when it is new.", "default": null}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}}, "doc": "What waits for approval, by pointer.", "default": {}}, {"name": "paused", "type": ["null", {"type": "record", "name": "Paused", "namespace": "headrace.resource", "doc": "Since when, by whom and why a workflow is paused.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "Since when."}, {"name": "actor", "type": ["null", "string"], "doc": "Who paused it, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}], "doc": "Of a workflow whose runs are held; null when they go on.", "default": null}]}'

    kind: str
    latest: int
    pointers: Mapping[str, int] = {}
    splits: Mapping[str, tuple[Share, ...]] = {}
    protected: tuple[str, ...] = ()
    proposals: Mapping[str, Proposal] = {}
    paused: Paused | None = None


class ResourceVersion(Event, frozen=True, gc=False, kw_only=True):
    """One version of a resource. Key: name/version.

    kind: Prompt, Model, ModelAlias or Workflow.
    version: From 1.
    digest: SHA-256 of the spec.
    spec: Canonical JSON.
    at: When the service decided it.
    actor: Who asks, as the caller states it.
    status: active, retired (no new run may use it), erasing or erased (its body is gone).
    """

    NAME: ClassVar[str] = "headrace.resource.ResourceVersion"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ResourceVersion", "namespace": "headrace.resource", "doc": "One version of a resource. Key: name/version.", "fields": [{"name": "kind", "type": "string", "doc": "Prompt, Model, ModelAlias or Workflow."}, {"name": "version", "type": "int", "doc": "From 1."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the spec."}, {"name": "spec", "type": "string", "doc": "Canonical JSON."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "status", "type": "string", "doc": "active, retired (no new run may use it), erasing or erased (its body is gone).", "default": "active"}]}'

    kind: str
    version: int
    digest: str
    spec: str
    at: int
    actor: str | None = None
    status: str = 'active'


class ResumeWorkflow(Event, frozen=True, gc=False, kw_only=True):
    """Let the runs of a paused workflow go on. Key: the workflow's name.

    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.ResumeWorkflow"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "ResumeWorkflow", "namespace": "headrace.resource", "doc": "Let the runs of a paused workflow go on. Key: the workflow\'s name.", "fields": [{"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    actor: str | None = None
    reason: str | None = None


class RetireVersion(Event, frozen=True, gc=False, kw_only=True):
    """No new run may use a version any more. Key: the resource's name.

    version: The version.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.RetireVersion"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "RetireVersion", "namespace": "headrace.resource", "doc": "No new run may use a version any more. Key: the resource\'s name.", "fields": [{"name": "version", "type": "int", "doc": "The version."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    version: int
    actor: str | None = None
    reason: str | None = None


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


class VersionRetired(Event, frozen=True, gc=False, kw_only=True):
    """No new run uses the version; runs in flight that are pinned to it go on.

    at: When the service decided it.
    version: The version.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.VersionRetired"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "VersionRetired", "namespace": "headrace.resource", "doc": "No new run uses the version; runs in flight that are pinned to it go on.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "version", "type": "int", "doc": "The version."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    version: int
    actor: str | None = None
    reason: str | None = None


class VersionReused(Event, frozen=True, gc=False, kw_only=True):
    """The same content exists already; no version was made.

    at: When the service decided it.
    version: The version that has this content.
    digest: SHA-256 of the canonical spec.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    pointer: The command's pointer when it stays elsewhere, because nobody asked to move it to known content.
    """

    NAME: ClassVar[str] = "headrace.resource.VersionReused"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "VersionReused", "namespace": "headrace.resource", "doc": "The same content exists already; no version was made.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "version", "type": "int", "doc": "The version that has this content."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the canonical spec."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}, {"name": "pointer", "type": ["null", "string"], "doc": "The command\'s pointer when it stays elsewhere, because nobody asked to move it to known content.", "default": null}]}'

    at: int
    version: int
    digest: str
    actor: str | None = None
    reason: str | None = None
    pointer: str | None = None


class WorkflowPaused(Event, frozen=True, gc=False, kw_only=True):
    """No further node of the workflow's runs is scheduled until it is resumed; attempts that are under way go on.

    at: When the service decided it.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.WorkflowPaused"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "WorkflowPaused", "namespace": "headrace.resource", "doc": "No further node of the workflow\'s runs is scheduled until it is resumed; attempts that are under way go on.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    actor: str | None = None
    reason: str | None = None


class WorkflowResumed(Event, frozen=True, gc=False, kw_only=True):
    """The workflow's runs go on; what was held is scheduled.

    at: When the service decided it.
    actor: Who asks, as the caller states it.
    reason: Why, for the audit trail.
    """

    NAME: ClassVar[str] = "headrace.resource.WorkflowResumed"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "WorkflowResumed", "namespace": "headrace.resource", "doc": "The workflow\'s runs go on; what was held is scheduled.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}, {"name": "reason", "type": ["null", "string"], "doc": "Why, for the audit trail.", "default": null}]}'

    at: int
    actor: str | None = None
    reason: str | None = None
