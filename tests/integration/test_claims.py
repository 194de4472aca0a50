"""Values that are too large to travel: in a real object store, and through a real worker."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.claims import Claim, Claims, claims_in
from headrace.errors import NodeError
from headrace.event import Event
from headrace.events.node import ExecuteNode, NodeFailed, NodeSucceeded
from headrace.limits import CLAIM_OVER, LARGEST_PAYLOAD
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.worker import Worker, run_worker
from template.job import TemplateJob
from tests.conftest import Stack
from tests.integration.worker_world import World, answer_of, worker_world
from tests.support.object_store import settings
from tests.support.running import running

LARGE = json.dumps({"text": "é" * CLAIM_OVER}, ensure_ascii=False, separators=(",", ":"))


@pytest.fixture
def claims(stack: Stack, bucket: str) -> Claims:
    return Claims(settings(stack, bucket=bucket))


def claim_of(text: str) -> Claim:
    (claim,) = claims_in(json.loads(text))
    return claim


async def code_of(claims: Claims, text: str) -> tuple[str, bool]:
    with pytest.raises(NodeError) as caught:
        await claims.whole(text)
    return caught.value.code, caught.value.retryable


class TestStore:
    async def test_an_output_waits_there_encrypted_and_is_read_as_it_was(
        self, s3: Any, bucket: str, claims: Claims
    ) -> None:
        short = await claims.short(LARGE)
        claim = claim_of(short)
        assert json.loads(short) == {"$claim": {"sha256": claim.sha256, "bytes": len(LARGE.encode())}}
        head = s3.head_object(Bucket=bucket, Key=f"claims/{claim.sha256}.json")
        assert (head["ServerSideEncryption"], head["ContentLength"]) == ("aws:kms", claim.size)
        assert await claims.whole(short) == LARGE

    async def test_the_same_output_is_the_same_object(self, s3: Any, bucket: str, claims: Claims) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        assert await claims.short(LARGE) == await claims.short(LARGE)
        assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1

    async def test_claims_inside_of_values_and_of_each_other_are_read(self, claims: Claims) -> None:
        inner = json.loads(await claims.short(LARGE))
        outer = json.loads(await claims.short(json.dumps({"pad": "x" * CLAIM_OVER, "inner": inner})))
        whole = json.loads(await claims.whole(json.dumps({"a": [outer, 1], "b": inner})))
        assert whole["b"] == whole["a"][0]["inner"] == json.loads(LARGE)
        assert whole["a"][1] == 1

    async def test_of_an_input_that_is_too_large_the_largest_values_wait_there(self, claims: Claims) -> None:
        given = json.dumps({"question": "Why?", "document": "x" * LARGEST_PAYLOAD, "old": [1]})
        short = json.loads(await claims.with_short_values(given))
        assert (short["question"], short["old"]) == ("Why?", [1])
        assert claims_in(short["document"])
        assert json.loads(await claims.whole(json.dumps(short))) == json.loads(given)

    async def test_one_that_is_missing_is_said(self, s3: Any, bucket: str, claims: Claims) -> None:
        short = await claims.short(LARGE)
        s3.delete_object(Bucket=bucket, Key=claim_of(short).key)
        assert await code_of(claims, short) == ("claim_missing", False)

    @pytest.mark.parametrize("data", [b"x" * len(LARGE.encode()), b"", LARGE.encode() + b" "])
    async def test_other_bytes_are_noticed(self, s3: Any, bucket: str, claims: Claims, data: bytes) -> None:
        short = await claims.short(LARGE)
        s3.put_object(Bucket=bucket, Key=claim_of(short).key, Body=data, ServerSideEncryption="aws:kms")
        assert await code_of(claims, short) == ("claim_tampered", False)


@asynccontextmanager
async def template(world: World, claims: Claims) -> AsyncIterator[None]:
    """A worker of template nodes on the world's topics."""
    service = Service("worker", ServiceSettings(instance="one"))
    worker = Worker(world.group, world.requests, world.outcomes_topic, TemplateJob(), claims=claims)
    async with running(run_worker(worker, world.codec, world.kafka, service), service.stopping):
        yield


async def outcome(world: World, run: str, given: Mapping[str, Any], **expressions: str) -> Event:
    """What becomes of a template node with this input."""
    config = json.dumps({"expressions": expressions})
    event = ExecuteNode(run=run, workflow="w@1", node="n", type="template", config=config, input=json.dumps(given))
    value = world.codec.encode(world.requests, event)
    headers = [("ce_id", run.encode())]
    await world.router.send_and_wait(world.requests.name, value, run.encode(), partition=0, headers=headers)
    (made,) = await world.outcomes(run)
    return made


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with worker_world(stack, tmp_path) as made:
        yield made


async def test_what_one_worker_makes_by_reference_the_next_one_has_whole(
    world: World, claims: Claims, s3: Any, bucket: str
) -> None:
    async with template(world, claims):
        # given a node whose output is too large to travel
        made = await outcome(world, "large", {"text": "x" * 200_000}, twice="[input.text, input.text]")
        assert isinstance(made, NodeSucceeded)
        assert len(made.output) < 200
        # when another node takes it, inside of its input, then it has all of it
        given = {"before": [json.loads(made.output)]}
        measured = await outcome(world, "measured", given, length="size(input.before[0].twice[1])")
        assert answer_of(measured) == {"length": 200_000}
        # when somebody changes it, or it is gone, then the node fails, and others go on
        s3.put_object(Bucket=bucket, Key=claim_of(made.output).key, Body=b"{}", ServerSideEncryption="aws:kms")
        tampered = await outcome(world, "tampered", given, length="1")
        s3.delete_object(Bucket=bucket, Key=claim_of(made.output).key)
        missing = await outcome(world, "missing", given, length="1")
        assert isinstance(tampered, NodeFailed)
        assert isinstance(missing, NodeFailed)
        assert (tampered.code, tampered.retryable) == ("claim_tampered", False)
        assert (missing.code, missing.retryable) == ("claim_missing", False)
        assert claim_of(made.output).key in missing.message
        assert answer_of(await outcome(world, "other", {}, n="1")) == {"n": 1}


async def test_without_a_store_the_outcome_says_what_to_set(world: World) -> None:
    async with template(world, Claims()):
        large = await outcome(world, "large", {"text": "x" * 200_000}, twice="[input.text, input.text]")
        claimed = await outcome(world, "claimed", {"text": Claim("a" * 64, 5).value}, n="1")
    assert isinstance(large, NodeFailed)
    assert isinstance(claimed, NodeFailed)
    assert (large.code, claimed.code) == ("output_too_large", "claim_unconfigured")
    assert all("set S3_BUCKET" in failed.message for failed in (large, claimed))
