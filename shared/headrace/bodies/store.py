"""The object store behind boto3: one object a body, under a key that its digest is part of."""

import asyncio
import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from headrace.bodies.faults import understood
from headrace.bodies.settings import StoreSettings
from headrace.errors import BodyFault, StoreUnavailable
from headrace.resource.prompt import StoredBody

CONNECT_S = 3
READ_S = 10.0
ATTEMPTS = 2
ENCRYPTIONS = {"aws:kms", "aws:kms:dsse"}
EXISTS = {"PreconditionFailed", "412"}
CONFLICT = {"ConditionalRequestConflict", "409"}
"""Somebody else writes the same object at this moment."""


def key_of(prompt: str, sha256: str) -> str:
    """Under which key a prompt's body stands."""
    return f"prompts/{prompt}/{sha256}.json"


class BodyStore:
    """Bodies of prompts in one bucket. Every method raises BodyFault and StoreUnavailable.

    read_s: seconds that the store may be silent in an answer. A call that nobody waits for any more keeps a thread for
    that long, and again at its second attempt.
    """

    def __init__(self, settings: StoreSettings, read_s: float = READ_S) -> None:
        self._settings = settings
        self._read_s = read_s

    async def put(self, prompt: str, data: bytes) -> StoredBody:
        """Store a body, unless it is there already: then make sure that it is the same."""
        body = StoredBody(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        await asyncio.to_thread(self._put, key_of(prompt, body.sha256), data, body)
        return body

    async def get(self, prompt: str, body: StoredBody) -> bytes:
        """A body as it was stored: its size, digest and encryption are checked on every read."""
        return await asyncio.to_thread(self._get, key_of(prompt, body.sha256), body)

    async def destroy(self, prompt: str, sha256: str) -> None:
        """Delete every version of a body's object, and do nothing when there is none."""
        await asyncio.to_thread(self._destroy, key_of(prompt, sha256))

    @cached_property
    def _s3(self) -> Any:
        settings = self._settings
        retries: Any = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
        session = boto3.Session(settings.access_key_id, settings.secret_access_key)
        return session.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=session.region_name or "us-east-1",
            config=Config(connect_timeout=CONNECT_S, read_timeout=self._read_s, retries=retries),
        )

    def _put(self, key: str, data: bytes, body: StoredBody) -> None:
        place = self._place(key)
        with understood("storing", place):
            try:
                self._s3.put_object(
                    Bucket=self._settings.bucket,
                    Key=key,
                    Body=data,
                    ContentType="application/json",
                    IfNoneMatch="*",
                    ServerSideEncryption="aws:kms",
                    SSEKMSKeyId=self._settings.kms_key_id,
                )
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in CONFLICT:
                    raise StoreUnavailable(f"storing {place}: somebody else does so now; try again") from error
                if code not in EXISTS:
                    raise
                self._get(key, body)

    def _get(self, key: str, body: StoredBody) -> bytes:
        place = self._place(key)
        with understood("reading", place):
            answer = self._s3.get_object(Bucket=self._settings.bucket, Key=key)
            with answer["Body"] as stream:
                data: bytes = stream.read(body.size + 1)
        place = f"{place} version {answer['VersionId']}" if "VersionId" in answer else place
        if reason := _not_as_stored(answer, data, body):
            raise BodyFault("body_tampered", f"reading {place}: {reason}; somebody has changed the object")
        return data

    def _destroy(self, key: str) -> None:
        bucket = self._settings.bucket
        with understood("destroying", self._place(key)):
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
            for page in pages:
                for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    if one["Key"] == key:
                        self._s3.delete_object(Bucket=bucket, Key=key, VersionId=one["VersionId"])

    def _place(self, key: str) -> str:
        return f"s3://{self._settings.bucket}/{key}"


def _not_as_stored(answer: Mapping[str, Any], data: bytes, body: StoredBody) -> str:
    """How an object differs from what was stored, or nothing."""
    if answer.get("ServerSideEncryption") not in ENCRYPTIONS:
        return "the object is not encrypted with KMS"
    if len(data) != body.size:
        return f"the body had {body.size} bytes, the object has {'more' if len(data) > body.size else len(data)}"
    found = hashlib.sha256(data).hexdigest()
    return "" if found == body.sha256 else f"the object's SHA-256 is {found}"
