"""What is done in the object store before a decision: a body is read, or destroyed."""

from headrace.errors import BodyFault
from headrace.events import resource
from headrace.machine import Message, Tick
from headrace.resource import erasure
from headrace.resource.state import State
from prompt_service import core
from prompt_service.core import Prepared
from prompt_service.ports import Store


class BodyPreparation:
    """Reads the body that a new version names, and destroys what is ordered to be erased."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prepare(self, state: State, message: Message) -> Prepared:
        """The body that a decision is about, or why it can't be used, or is not known now."""
        try:
            match message:
                case resource.CreateVersion():
                    return await self._read(state, message)
                case Tick() if digest := erasure.next_digest(state):
                    await self._store.destroy(state.name, digest)
        except BodyFault as fault:
            return fault
        return None

    async def _read(self, state: State, command: resource.CreateVersion) -> bytes | None:
        """A new version's body; one that was erased is destroyed again, for somebody has just stored it."""
        body = core.stored_body(state, command)
        if body is None:
            return None
        if core.gone(state, body.sha256):
            await self._store.destroy(state.name, body.sha256)
            return None
        return await self._store.get(state.name, body)
