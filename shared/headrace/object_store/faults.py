"""What the object store's errors mean for what is stored there."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NoConnection

from headrace.errors import BodyFault, StoreUnavailable
from headrace.object_store.content import Codes

MISSING = {"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404"}
BUSY = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "RequestLimitExceeded",
    "KMS.ThrottlingException",
}
"""Codes that ask for patience, whatever their status."""
SERVER_ERROR = 500


@contextmanager
def understood(codes: Codes, doing: str, place: str) -> Iterator[None]:
    """Turn errors of the client into ours. Raises BodyFault and StoreUnavailable, which hold no word of what is stored.

    doing: such as "reading". place: such as "s3://bucket/key".
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(error, codes, doing, place) from error
    except FlexibleChecksumError as error:
        message = f"{doing} {place}: the bytes do not have the checksum that the object store says"
        raise BodyFault(codes.tampered, message) from error
    except (NoConnection, HTTPClientError, IncompleteReadError) as error:
        message = f"{doing} {place}: the object store does not answer ({type(error).__name__})"
        raise StoreUnavailable(message) from error
    except BotoCoreError as error:  # no credentials, or no answer that can be read
        raise BodyFault(codes.refused, f"{doing} {place}: {error!s:.300}") from error


def _meaning(error: ClientError, codes: Codes, doing: str, place: str) -> BodyFault | StoreUnavailable:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in MISSING:
        lacks = "there is no such bucket" if code == "NoSuchBucket" else "there is no such object"
        return BodyFault(codes.missing, f"{doing} {place}: {lacks}")
    if code in BUSY or status >= SERVER_ERROR:
        return StoreUnavailable(f"{doing} {place}: the object store answers {status} {code:.100}")
    said = f"{doing} {place}: refused with {code:.100}; look at the rights of this service and at the key's state"
    return BodyFault(codes.refused, said)
