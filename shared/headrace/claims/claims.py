"""Values to claims, and claims to values."""

import asyncio
from collections.abc import Set
from typing import TYPE_CHECKING, Any

import msgspec

from headrace.claims.claim import MARK, Claim, claims_in, largest, with_values
from headrace.errors import BodyFault, NodeError, StoreUnavailable
from headrace.limits import CLAIM_OVER, LARGEST_CLAIM, LARGEST_PAYLOAD
from headrace.object_store.content import Codes, Content
from headrace.object_store.settings import READ_S, StoreSettings

if TYPE_CHECKING:  # who has no large values is 10 MB smaller without boto3
    from headrace.object_store.store import ObjectStore

CODES = Codes("claim_missing", "claim_tampered", "claim_refused")
MOST_CLAIMS = 256
"""Different claims in one input."""
WHERE = "no object store is set for this process: set S3_BUCKET, and S3_ENDPOINT_URL unless the store is AWS's"


class Claims:
    """The object store, as payloads need it.

    settings: where it is; None, or settings that nobody made, is nowhere: then nothing large travels.
    Errors are NodeErrors: claim_missing, claim_tampered, claim_refused, claim_unconfigured, claim_too_large, and
    store_unavailable, which alone is retryable.
    """

    def __init__(self, settings: StoreSettings | None = None) -> None:
        self._settings = settings
        self._store: ObjectStore | None = None

    @property
    def configured(self) -> bool:
        """Whether there is a store."""
        return self._settings is not None and self._settings.configured

    async def short(self, output: str) -> str:
        """An output (JSON text) as it travels: a claim if it has more than CLAIM_OVER bytes. Raises NodeError.

        One that could travel as it is does so when there is no store, or when it is away.
        """
        data = output.encode()
        if len(data) <= CLAIM_OVER:
            return output
        fits = len(data) <= LARGEST_PAYLOAD
        if not self.configured:
            if fits:
                return output
            message = f"the output has {len(data)} bytes; more than {LARGEST_PAYLOAD} travel by reference, and {WHERE}"
            raise NodeError("output_too_large", message)
        try:
            return _text((await self._put(data)).value)
        except NodeError as error:
            if fits and error.retryable:
                return output
            raise

    async def with_short_values(self, given: str) -> str:
        """A run's input (a JSON object) as it travels: its largest values are claims if it would be too large else.

        Raises NodeError, input_too_large when there is no store.
        """
        size = len(given.encode())
        values = msgspec.json.decode(given) if size > LARGEST_PAYLOAD else None
        if not isinstance(values, dict):
            return given
        if not self.configured:
            message = f"the input has {size} bytes; more than {LARGEST_PAYLOAD} travel by reference, and {WHERE}"
            raise NodeError("input_too_large", message)
        texts = {name: msgspec.json.encode(value) for name, value in values.items()}
        for name in largest({name: len(text) for name, text in texts.items()}, CLAIM_OVER):
            values[name] = (await self._put(texts[name])).value
        return _text(values)

    async def whole(self, text: str) -> str:
        """JSON text with what its claims stand for in their place. Raises NodeError."""
        if f'"{MARK}"' not in text:
            return text
        try:
            return _text(await self._whole(msgspec.json.decode(text)))
        except (msgspec.DecodeError, RecursionError) as error:
            raise NodeError("input_invalid", f"what refers to large values can't be read: {error!s:.200}") from error

    async def _whole(self, value: Any) -> Any:
        """A value that stands for another may refer to further ones; all together have a bound."""
        seen: set[Claim] = set()
        while claims := claims_in(value):
            seen |= claims
            _check(seen)
            found = await asyncio.gather(*map(self._get, claims))
            value = with_values(value, dict(zip(claims, found, strict=True)))
        return value

    async def _put(self, data: bytes) -> Claim:
        claim = Claim(*Content.of(data))
        _check({claim})
        try:
            await (await self._opened()).put(claim.key, data)
        except BodyFault as fault:
            raise _failed(fault) from fault
        return claim

    async def _get(self, claim: Claim) -> Any:
        if not self.configured:
            raise NodeError("claim_unconfigured", f"a value of {claim.size} bytes came by reference, and {WHERE}")
        try:
            return msgspec.json.decode(await (await self._opened()).get(claim.key, Content(*claim)))
        except BodyFault as fault:
            raise _failed(fault) from fault
        except msgspec.DecodeError as error:
            raise NodeError(CODES.tampered, f"{claim.key} holds no JSON: {error!s:.200}") from error

    async def _opened(self) -> "ObjectStore":
        """The store; to load what speaks to it takes a second, in which others go on."""
        if self._store is None:
            assert self._settings is not None
            self._store = await asyncio.to_thread(_object_store, self._settings)
        return self._store


def _object_store(settings: StoreSettings) -> "ObjectStore":
    from headrace.object_store.store import ObjectStore  # noqa: PLC0415  # brings boto3

    return ObjectStore(settings, CODES, READ_S)


def _check(claims: Set[Claim]) -> None:
    size = sum(claim.size for claim in claims)
    if size > LARGEST_CLAIM:
        raise NodeError("claim_too_large", f"{size} bytes are to travel by reference, at most {LARGEST_CLAIM} can")
    if len(claims) > MOST_CLAIMS:
        raise NodeError("claim_too_large", f"{len(claims)} values come by reference, at most {MOST_CLAIMS} can")


def _failed(fault: BodyFault) -> NodeError:
    away = isinstance(fault, StoreUnavailable)
    return NodeError(fault.code, f"a value that travels by reference: {fault}", retryable=away)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
