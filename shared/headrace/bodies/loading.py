"""Pinned prompts with their bodies, for workers."""

from collections import OrderedDict

from headrace.bodies.store import BodyStore
from headrace.errors import BodyFault, NodeError, StoreUnavailable
from headrace.prompting import Loaded, PinnedPrompt, assemble
from headrace.resource.body import BodyInvalid, parse_body
from headrace.resource.prompt import Message, StoredBody

MOST_BODIES = 64
"""Kept at hand; a body has up to LARGEST_BODY bytes."""


class BodyUnusable(NodeError):
    """A stored body can't be used, now or ever: body_missing, body_tampered or body_refused. pinned: whose it is."""

    def __init__(self, code: str, pinned: PinnedPrompt, reason: str) -> None:
        super().__init__(code, f"the body of the prompt {pinned}{reason}")
        self.pinned = pinned


class Bodies:
    """Loads prompts. Bodies that are not sensitive are kept at hand; sensitive ones are read each time."""

    def __init__(self, store: BodyStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], tuple[Message, ...]] = OrderedDict()

    async def load(self, pinned: PinnedPrompt) -> Loaded:
        """A prompt with its body, and those that it uses.

        Raises BodyUnusable, and NodeError store_unavailable (which alone is retryable), config_invalid and
        uses_invalid.
        """
        messages = await self._messages(pinned)
        return assemble(pinned, messages, {name: await self.load(used) for name, used in pinned.uses.items()})

    async def _messages(self, pinned: PinnedPrompt) -> tuple[Message, ...]:
        spec = pinned.spec
        if spec.body is None:
            return spec.inline or ()
        if spec.sensitive:
            return await self._read(pinned, spec.body)
        key = (pinned.name, spec.body.sha256)
        if key not in self._kept:
            self._kept[key] = await self._read(pinned, spec.body)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_BODIES:
            self._kept.popitem(last=False)
        return self._kept[key]

    async def _read(self, pinned: PinnedPrompt, body: StoredBody) -> tuple[Message, ...]:
        try:
            return parse_body(await self._store.get(pinned.name, body))
        except StoreUnavailable as fault:
            raise NodeError("store_unavailable", f"the body of the prompt {pinned}: {fault}", retryable=True) from fault
        except BodyFault as fault:
            raise BodyUnusable(fault.code, pinned, f": {fault}") from fault
        except BodyInvalid as fault:
            raise BodyUnusable("body_tampered", pinned, f" holds no messages: {fault}") from fault
