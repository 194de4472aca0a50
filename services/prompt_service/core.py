"""What a stored body decides: whether a version may be made of it, and how its erasure ends. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from headrace.errors import BodyFault
from headrace.event import Event
from headrace.events import resource
from headrace.fault import Fault
from headrace.resource import erasure, specs
from headrace.resource.body import LARGEST_INLINE, BodyInvalid, body_of, must_be_stored, parse_body, with_messages
from headrace.resource.naming import NAME
from headrace.resource.prompt import PromptSpec, StoredBody
from headrace.resource.state import ERASED, ERASING, Refusal, State

KINDS = ("Prompt",)

STORED_AGAIN = "it was erased, and a command names it again"
"""Why a body is destroyed once more; nobody has asked for it."""

Prepared = bytes | BodyFault | None
"""A body as it was read, why it can't be used, or nothing: neither was needed."""


def check(kind: str, spec: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with the spec of a prompt."""
    return specs.check(kind, spec, KINDS)


def stored_body(state: State, command: resource.CreateVersion) -> StoredBody | None:
    """The body that a command names, if the rest of it is sound enough to look."""
    if command.kind not in KINDS or not NAME.fullmatch(state.name):
        return None
    try:
        return PromptSpec.model_validate_json(command.spec).body
    except ValidationError:
        return None


def gone(state: State, sha256: str) -> str:
    """The status of this body if it was erased, or is about to be; else nothing."""
    statuses = {state.versions[number].status for number in erasure.sharing(state, sha256)}
    return next((status for status in (ERASED, ERASING) if status in statuses), "")


def body_refusal(state: State, command: resource.CreateVersion, prepared: Prepared) -> Refusal | None:
    """Why no version can be made of a command's body, without a word of it; None if it can, or if it has none."""
    spec = _spec(command)
    if spec is None:
        return None
    if refusal := _inline_refusal(spec):
        return refusal
    body = stored_body(state, command)
    if body and (status := gone(state, body.sha256)):
        return f"version_{status}", f"{state.name} had this body, and it is {status}; write what differs from it"
    if isinstance(prepared, BodyFault):
        return prepared.code, str(prepared)
    return _stored_refusal(spec, prepared) if isinstance(prepared, bytes) else None


def ordered_again(state: State, command: resource.CreateVersion, now: int) -> Sequence[Event]:
    """The order to destroy an erased body once more that a command names: whoever sends it may have stored it again.

    However unsound the rest of the command is.
    """
    digest = _named_digest(command)
    if not digest or gone(state, digest) != ERASED:
        return []
    versions = tuple(erasure.sharing(state, digest))
    return [resource.ErasureOrdered(at=now, versions=versions, digest=digest, reason=STORED_AGAIN)]


def is_about(state: State, finding: resource.BodyUnusable) -> bool:
    """Whether a worker can have found this: of a version that is there, with its body, in a run."""
    return bool(finding.run) and erasure.body_digest(state, finding.version) == finding.digest


def destroyed(state: State, prepared: Prepared, now: int) -> Sequence[Event]:
    """How the erasure of the next body went; nothing when it failed for the reason that the log holds already."""
    digest = erasure.next_digest(state, now)
    assert digest is not None
    versions = tuple(erasure.sharing(state, digest))
    if isinstance(prepared, BodyFault) and erasure.is_known(state, digest, prepared.code):
        return []
    if isinstance(prepared, BodyFault):
        why: dict[str, Any] = {"code": prepared.code, "message": str(prepared)}
        return [resource.BodyUnusable(at=now, version=versions[0], digest=digest, **why, run="", node="")]
    return [resource.BodyErased(at=now, versions=versions, digest=digest)]


def _spec(command: resource.CreateVersion) -> dict[str, Any] | None:
    try:
        spec = json.loads(command.spec)
    except (ValueError, RecursionError):
        return None
    return spec if command.kind in KINDS and isinstance(spec, dict) else None


def _named_digest(command: resource.CreateVersion) -> str:
    """The digest of the stored body that a command names, whatever else it holds; empty if it names none."""
    body = (_spec(command) or {}).get("body")
    digest = body.get("sha256") if isinstance(body, dict) else None
    return digest if isinstance(digest, str) else ""


def _inline_refusal(spec: Mapping[str, Any]) -> Refusal | None:
    try:
        body = body_of(spec)
    except (ValueError, RecursionError):  # no text that can be kept; refused as such
        return None
    if body is None or not must_be_stored(spec, body):
        return None
    why = f"the messages have {len(body)} bytes as canonical JSON, more than {LARGEST_INLINE}"
    if len(body) <= LARGEST_INLINE:
        why = "the prompt is sensitive"
    how = "store its messages first, and name them under `body` by sha256 and size; `headrace apply` does that"
    return "body_must_be_stored", f"{why}: {how}"


def _stored_refusal(spec: Mapping[str, Any], data: bytes) -> Refusal | None:
    try:
        whole = with_messages(spec, parse_body(data))
    except BodyInvalid as fault:
        return "spec_invalid", f"body: {fault}"
    if not (faults := check("Prompt", whole)):
        return None
    return "spec_invalid", _shortly(faults) if spec.get("sensitive") else "; ".join(str(fault) for fault in faults)


def _shortly(faults: Iterable[Fault]) -> str:
    """Where and of what kind: what more could be said may be a word of the body."""
    return "; ".join(f"{'.'.join(map(str, fault.path))}: {fault.code}" for fault in faults)
