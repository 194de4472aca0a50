"""What this service needs from outside."""

from typing import Protocol

from headrace.resource.prompt import StoredBody


class Store(Protocol):
    """Bodies of prompts. Both methods raise BodyFault and StoreUnavailable."""

    async def get(self, prompt: str, body: StoredBody) -> bytes:
        """A body, as it was stored."""

    async def destroy(self, prompt: str, sha256: str) -> None:
        """Destroy a body for good; repeated, it changes nothing."""
