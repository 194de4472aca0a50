"""Pieces of an answer on their way to run.tokens: gathered for a moment, numbered, never waited for."""

import asyncio
import time

from headrace.events.run import TokensStreamed
from model_invoke.model import PinnedModel, Plan
from model_invoke.ports import Announcer

GATHER_S = 0.05
LARGEST = 64
"""Characters that are not held back any longer."""
LARGEST_PIECE = 65_536
"""Characters of one event: a provider may send all of its answer at once, and a topic does not take any record."""


class Pieces:
    """One call's answer while it comes. restart: how many calls of the attempt were streamed before."""

    def __init__(self, announcer: Announcer, plan: Plan, model: PinnedModel, restart: int) -> None:
        self._announcer = announcer
        self._work = plan.work
        self._model = str(model)
        self._restart = restart
        self._seq = 0
        self._text = ""
        self._said: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def said(self) -> str:
        """All of the answer so far."""
        return "".join(self._said)

    def heard(self, text: str) -> None:
        """Take a piece."""
        self._text += text
        self._said.append(text)
        if len(self._text) >= LARGEST:
            self.send()
        elif self._text and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.send)

    def send(self) -> None:
        """Send what was gathered, if anything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._text:
            return
        for start in range(0, len(self._text), LARGEST_PIECE):
            self._tell(self._text[start : start + LARGEST_PIECE])
        self._text = ""

    def _tell(self, text: str) -> None:
        piece = TokensStreamed(
            node=self._work.node,
            iteration=self._work.iteration,
            attempt=self._work.attempt,
            restart=self._restart,
            seq=self._seq,
            model=self._model,
            text=text,
            at=time.time_ns() // 1_000_000,
        )
        self._announcer.tell(self._work.run, piece)
        self._seq += 1
