"""One object a body, under a key that its digest is part of."""

from functools import cached_property
from typing import TYPE_CHECKING

from headrace.object_store.content import Codes, Content
from headrace.object_store.settings import READ_S, StoreSettings
from headrace.resource.prompt import StoredBody

if TYPE_CHECKING:
    from headrace.object_store.store import ObjectStore

CODES = Codes("body_missing", "body_tampered", "body_refused")


def key_of(prompt: str, sha256: str) -> str:
    """Under which key a prompt's body stands."""
    return f"prompts/{prompt}/{sha256}.json"


class BodyStore:
    """Bodies of prompts in the object store. Every method raises BodyFault and StoreUnavailable.

    read_s: see ObjectStore.
    """

    def __init__(self, settings: StoreSettings, read_s: float = READ_S) -> None:
        self._settings = settings
        self._read_s = read_s

    @cached_property
    def _objects(self) -> "ObjectStore":
        from headrace.object_store.store import ObjectStore  # noqa: PLC0415  # brings boto3: 0.1 s

        return ObjectStore(self._settings, CODES, self._read_s)

    async def put(self, prompt: str, data: bytes) -> StoredBody:
        """Store a body, unless it is there already: then make sure that it is the same."""
        content = Content.of(data)
        await self._objects.put(key_of(prompt, content.sha256), data)
        return StoredBody(sha256=content.sha256, size=content.size)

    async def get(self, prompt: str, body: StoredBody) -> bytes:
        """A body as it was stored: its size, digest and encryption are checked on every read."""
        return await self._objects.get(key_of(prompt, body.sha256), Content(body.sha256, body.size))

    async def destroy(self, prompt: str, sha256: str) -> None:
        """Delete every version of a body's object, and do nothing when there is none."""
        await self._objects.destroy(key_of(prompt, sha256))
