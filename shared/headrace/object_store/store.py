"""Objects in one bucket, behind boto3."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from headrace.errors import BodyFault, StoreUnavailable
from headrace.object_store.content import Codes, Content
from headrace.object_store.faults import understood
from headrace.object_store.settings import StoreSettings

CONNECT_S = 3
ATTEMPTS = 2
ENCRYPTIONS = {"aws:kms", "aws:kms:dsse"}
EXISTS = {"PreconditionFailed", "412"}
CONFLICT = {"ConditionalRequestConflict", "409"}
"""Somebody else writes the same object at this moment."""


class ObjectStore:
    """Objects under keys that their digests are part of. Every method raises BodyFault and StoreUnavailable.

    codes: of BodyFaults.
    read_s: seconds that the store may be silent in an answer. A call that nobody waits for any more keeps a thread for
    that long, and again at its second attempt.
    """

    def __init__(self, settings: StoreSettings, codes: Codes, read_s: float) -> None:
        self._settings = settings
        self._codes = codes
        self._read_s = read_s

    async def put(self, key: str, data: bytes) -> None:
        """Store an object, unless it is there already: then make sure that it is the same."""
        await asyncio.to_thread(self._put, key, data)

    async def get(self, key: str, content: Content) -> bytes:
        """An object as it was stored: its size, digest and encryption are checked on every read."""
        return await asyncio.to_thread(self._get, key, content)

    async def destroy(self, key: str) -> None:
        """Delete every version of an object, and do nothing when there is none."""
        await asyncio.to_thread(self._destroy, key)

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

    def _put(self, key: str, data: bytes) -> None:
        place = self._place(key)
        with self._understood("storing", place):
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
                self._get(key, Content.of(data))

    def _get(self, key: str, content: Content) -> bytes:
        place = self._place(key)
        with self._understood("reading", place):
            answer = self._s3.get_object(Bucket=self._settings.bucket, Key=key)
            with answer["Body"] as stream:
                data: bytes = stream.read(content.size + 1)
        place = f"{place} version {answer['VersionId']}" if "VersionId" in answer else place
        if reason := _not_as_stored(answer, data, content):
            raise BodyFault(self._codes.tampered, f"reading {place}: {reason}; somebody has changed the object")
        return data

    def _destroy(self, key: str) -> None:
        bucket = self._settings.bucket
        with self._understood("destroying", self._place(key)):
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
            for page in pages:
                for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    if one["Key"] == key:
                        self._s3.delete_object(Bucket=bucket, Key=key, VersionId=one["VersionId"])

    def _understood(self, doing: str, place: str) -> AbstractContextManager[None]:
        return understood(self._codes, doing, place)

    def _place(self, key: str) -> str:
        return f"s3://{self._settings.bucket}/{key}"


def _not_as_stored(answer: Mapping[str, Any], data: bytes, content: Content) -> str:
    """How an object differs from what was stored, or nothing."""
    if answer.get("ServerSideEncryption") not in ENCRYPTIONS:
        return "the object is not encrypted with KMS"
    if len(data) != content.size:
        return f"{content.size} bytes were stored, the object has {'more' if len(data) > content.size else len(data)}"
    found = Content.of(data).sha256
    return "" if found == content.sha256 else f"the object's SHA-256 is {found}"
