"""Bodies in a real object store: put twice, by two at once, tampered with, removed, refused, destroyed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from headrace.bodies import Bodies, BodyStore, key_of
from headrace.errors import BodyFault, NodeError, StoreUnavailable
from headrace.prompting import Loaded, PinnedPrompt
from headrace.resource.body import body_of
from headrace.resource.prompt import StoredBody
from tests.conftest import Stack
from tests.support.object_store import body_store
from tests.support.serving import answering, serving

MARKER = "the-planted-marker"
DATA = body_of({"text": f"Never say {MARKER}."}) or b""
WRITERS = 8


@pytest.fixture
def store(stack: Stack, bucket: str) -> BodyStore:
    return body_store(stack, bucket=bucket)


@pytest.fixture
async def body(store: BodyStore) -> StoredBody:
    return await store.put("greeting", DATA)


async def fault_of(store: BodyStore, body: StoredBody) -> BodyFault:
    with pytest.raises(BodyFault) as caught:
        await store.get("greeting", body)
    assert MARKER not in str(caught.value)
    assert key_of("greeting", body.sha256) in str(caught.value)
    return caught.value


def pinned(body: StoredBody, *, sensitive: bool) -> PinnedPrompt:
    spec = {"body": body.model_dump(), "sensitive": sensitive}
    return PinnedPrompt.model_validate({"name": "greeting", "version": 2, "spec": spec})


class TestPut:
    async def test_a_body_is_encrypted_with_the_key_and_read_as_it_was(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody
    ) -> None:
        head = s3.head_object(Bucket=bucket, Key=key_of("greeting", body.sha256))
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/headrace")
        assert await store.get("greeting", body) == DATA

    async def test_put_twice_it_is_the_same_object(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody
    ) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        assert await store.put("greeting", DATA) == body
        assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1

    async def test_of_writers_at_once_one_writes_and_all_are_content(
        self, s3: Any, bucket: str, store: BodyStore
    ) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        bodies = await asyncio.gather(*(store.put("greeting", DATA) for _ in range(WRITERS)))
        assert len(set(map(str, bodies))) == 1
        assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1

    async def test_what_somebody_else_has_put_there_is_no_success(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody
    ) -> None:
        s3.put_object(Bucket=bucket, Key=key_of("greeting", body.sha256), Body=b"other", ServerSideEncryption="aws:kms")
        with pytest.raises(BodyFault) as caught:
            await store.put("greeting", DATA)
        assert caught.value.code == "body_tampered"


class TestGet:
    @pytest.mark.parametrize("data", [b"x" * len(DATA), DATA[:-1], DATA + b" ", b""])
    async def test_other_bytes_are_noticed(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody, data: bytes
    ) -> None:
        s3.put_object(Bucket=bucket, Key=key_of("greeting", body.sha256), Body=data, ServerSideEncryption="aws:kms")
        assert (await fault_of(store, body)).code == "body_tampered"

    async def test_the_same_bytes_without_encryption_are_noticed(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody
    ) -> None:
        s3.put_object(Bucket=bucket, Key=key_of("greeting", body.sha256), Body=DATA)
        fault = await fault_of(store, body)
        assert fault.code == "body_tampered"
        assert "not encrypted with KMS" in str(fault)

    async def test_a_version_of_the_object_is_named(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody
    ) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        put = s3.put_object(Bucket=bucket, Key=key_of("greeting", body.sha256), Body=b"[]")
        assert f"version {put['VersionId']}" in str(await fault_of(store, body))

    async def test_what_was_removed_is_missing(self, s3: Any, bucket: str, store: BodyStore, body: StoredBody) -> None:
        s3.delete_object(Bucket=bucket, Key=key_of("greeting", body.sha256))
        assert (await fault_of(store, body)).code == "body_missing"

    async def test_a_bucket_that_is_not_there_is_said(self, stack: Stack, body: StoredBody) -> None:
        fault = await fault_of(body_store(stack, bucket="nobodys-bucket"), body)
        assert fault.code == "body_missing"
        assert "no such bucket" in str(fault)


@asynccontextmanager
async def refusing(status: int, code: str) -> AsyncIterator[str]:
    """An object store that has one answer to everything; its URL."""

    async def answer(request: web.Request) -> web.Response:
        text = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return web.Response(status=status, text=text, content_type="application/xml")

    async with serving(answering(answer)) as url:
        yield url


BODY = StoredBody(sha256="a" * 64, size=10)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "KMS.DisabledException"),
            (400, "KMS.NotFoundException"),
            (400, "KMS.KMSInvalidStateException"),
            (403, "AccessDenied"),
            (403, "InvalidObjectState"),
            (403, "SignatureDoesNotMatch"),
        ],
    )
    async def test_a_refused_key_or_access_is_said(self, stack: Stack, status: int, code: str) -> None:
        async with refusing(status, code) as url:
            fault = await fault_of(body_store(stack, endpoint_url=url), BODY)
        assert fault.code == "body_refused"
        assert code in str(fault)

    @pytest.mark.parametrize(
        ("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (400, "KMS.ThrottlingException")]
    )
    async def test_one_that_is_busy_may_be_asked_again(self, stack: Stack, status: int, code: str) -> None:
        async with refusing(status, code) as url:
            store = body_store(stack, endpoint_url=url)
            with pytest.raises(StoreUnavailable):
                await store.get("greeting", BODY)
            with pytest.raises(StoreUnavailable):
                await store.put("greeting", DATA)
            with pytest.raises(StoreUnavailable):
                await store.destroy("greeting", BODY.sha256)

    async def test_one_that_is_away_may_be_asked_again(self, stack: Stack) -> None:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await body_store(stack, endpoint_url="http://127.0.0.1:1").get("greeting", BODY)


class TestDestroy:
    @pytest.mark.parametrize("versioned", [True, False])
    async def test_every_version_goes_and_a_second_time_changes_nothing(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody, versioned: bool
    ) -> None:
        key = key_of("greeting", body.sha256)
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            s3.put_object(Bucket=bucket, Key=key, Body=b"two")
            s3.delete_object(Bucket=bucket, Key=key)
        await store.destroy("greeting", body.sha256)
        await store.destroy("greeting", body.sha256)
        left = s3.list_object_versions(Bucket=bucket)
        assert left.get("Versions", []) == left.get("DeleteMarkers", []) == []

    async def test_other_bodies_stay(self, store: BodyStore, body: StoredBody) -> None:
        other = await store.put("greeting", b"[]")
        elsewhere = await store.put("greeting-2", DATA)
        await store.destroy("greeting", body.sha256)
        assert await store.get("greeting", other) == b"[]"
        assert await store.get("greeting-2", elsewhere) == DATA


class TestLoading:
    async def test_a_stored_body_is_loaded(self, store: BodyStore, body: StoredBody) -> None:
        loaded = await Bodies(store).load(pinned(body, sensitive=True))
        assert isinstance(loaded, Loaded)
        assert loaded.sensitive
        assert [message.template for message in loaded.messages] == [f"Never say {MARKER}."]

    async def test_a_sensitive_one_is_read_each_time_others_are_kept(
        self, s3: Any, bucket: str, store: BodyStore, body: StoredBody
    ) -> None:
        bodies = Bodies(store)
        await bodies.load(pinned(body, sensitive=False))
        await bodies.load(pinned(body, sensitive=True))
        s3.delete_object(Bucket=bucket, Key=key_of("greeting", body.sha256))
        await bodies.load(pinned(body, sensitive=False))
        with pytest.raises(NodeError) as caught:
            await bodies.load(pinned(body, sensitive=True))
        assert (caught.value.code, caught.value.retryable) == ("body_missing", False)
        assert "greeting@2" in str(caught.value)

    async def test_only_a_store_that_is_away_is_worth_another_attempt(self, stack: Stack) -> None:
        bodies = Bodies(body_store(stack, endpoint_url="http://127.0.0.1:1"))
        with pytest.raises(NodeError) as caught:
            await bodies.load(pinned(BODY, sensitive=True))
        assert (caught.value.code, caught.value.retryable) == ("store_unavailable", True)
