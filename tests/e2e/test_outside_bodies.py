"""An outside program stores a body with a stock S3 client and names it in its command; no code of ours."""

import hashlib
import json
from typing import Any

import pytest

from tests.conftest import Stack
from tests.e2e.outsider import Outsider, Record
from tests.support.names import unique
from tests.support.object_store import s3_of


def stored(stack: Stack, name: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Store messages under a prompt's name, as docs/outside.md shows it; what the spec says of them."""
    data = json.dumps(messages, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    with s3_of(stack) as s3:
        s3.put_object(
            Bucket=stack.env["S3_BUCKET"],
            Key=f"prompts/{name}/{sha256}.json",
            Body=data,
            IfNoneMatch="*",
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=stack.env["KMS_KEY_ID"],
        )
    return {"sha256": sha256, "size": len(data)}


def ask(outsider: Outsider, name: str, command: str, **fields: Any) -> Record:
    place = outsider.produce("prompt.commands", f"headrace.resource.{command}", fields, name)
    return outsider.await_answer("prompt.events", ce_causationid=place)


def create(outsider: Outsider, name: str, spec: dict[str, Any]) -> Record:
    return ask(outsider, name, "CreateVersion", kind="Prompt", spec=json.dumps(spec))


def test_a_stored_body_makes_a_version_and_is_erased(stack: Stack, outsider: Outsider) -> None:
    name = unique("greet")
    body = stored(stack, name, [{"role": "system", "template": "Be brief."}, {"role": "user", "template": "{{ q }}"}])
    spec = {"sensitive": True, "body": body, "variables": {"q": {}}}
    made = create(outsider, name, spec)
    assert (made.name, made.fields["version"]) == ("headrace.resource.VersionCreated", 1)
    ordered = ask(outsider, name, "EraseBody", version=1, reason="asked to")
    assert (ordered.name, ordered.fields["digest"]) == ("headrace.resource.ErasureOrdered", body["sha256"])


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"sensitive": True, "text": "Hello"}, "body_must_be_stored"),
        ({"text": "x" * 20_000}, "body_must_be_stored"),
        ({"body": {"sha256": "0" * 64, "size": 10}}, "body_missing"),
    ],
)
def test_what_can_not_be_used_is_refused(outsider: Outsider, spec: dict[str, Any], code: str) -> None:
    refused = create(outsider, unique("greet"), spec)
    assert (refused.name, refused.fields["code"]) == ("headrace.resource.ChangeRefused", code)
