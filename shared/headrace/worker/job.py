"""What a service supplies to the worker loop."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from headrace.claims import Claims
from headrace.errors import NodeError
from headrace.event import Event
from headrace.events import node
from headrace.events.run import Call, Usage
from headrace.limits import LARGEST_CLAIM
from headrace.topics import Topic
from headrace.worker.stops import Stops

if TYPE_CHECKING:  # a worker without a journal is 3 MB smaller without asyncpg
    from headrace.journal import Journal

Request_contra = TypeVar("Request_contra", bound=Event, contravariant=True)
C = TypeVar("C")


class Job(Protocol[Request_contra, C]):
    """Two pure halves, `plan` and `succeeded`, around one port, `perform`. Each may raise NodeError.

    Times are epoch milliseconds.
    """

    inline: bool
    """Whether `perform` never waits: such requests are done one after the other, a batch at a time."""

    def plan(self, request: Request_contra) -> C:
        """What to do for a request."""

    async def perform(self, call: C) -> Any:
        """Do it. The answer is JSON if the job is journaled."""

    def succeeded(self, request: Request_contra, call: C, answer: Any, began: int, ended: int) -> Event:
        """The good outcome."""

    def failed(self, request: Request_contra, error: NodeError, began: int, ended: int) -> Event:
        """The bad outcome."""

    def unreadable(self, key: str, reason: str, now: int) -> Event | None:
        """The outcome of a request that can't be read, if its record's key says enough to answer."""

    def deadline(self, request: Request_contra) -> int | None:
        """When nobody waits for the outcome any more."""

    def journal_key(self, request: Request_contra) -> str:
        """Under what a call is journaled: equal for every delivery of the same request."""

    def repeat_ambiguous(self, call: C) -> bool:
        """Whether to repeat a call of which nobody knows if it was made."""


@dataclass(frozen=True)
class Worker:
    """A worker: where requests come from, where outcomes go, what it does, and how many at once.

    stops: hears of runs that end. claims: the store of values that are too large to travel.
    """

    name: str
    requests: Topic
    outcomes: Topic
    job: Job[Any, Any]
    concurrency: int = 8
    journal: "Journal | None" = None
    stops: Stops = field(default_factory=Stops)
    claims: Claims = field(default_factory=Claims)


@dataclass(frozen=True, slots=True)
class Done:
    """A node's good outcome: its output, as JSON knows it, and what it consumed."""

    output: Any
    usage: Usage | None = None
    calls: tuple[Call, ...] = ()


class NodeJob(ABC, Generic[C]):
    """A Job for one type of node."""

    inline = False

    @abstractmethod
    def plan(self, request: node.ExecuteNode) -> C:
        """What to do for a request."""

    @abstractmethod
    async def perform(self, call: C) -> Any:
        """Do it."""

    @abstractmethod
    def interpret(self, call: C, answer: Any) -> Done:
        """What the answer means."""

    def succeeded(self, request: node.ExecuteNode, call: C, answer: Any, began: int, ended: int) -> Event:
        """NodeSucceeded, with all of the output. Raises NodeError for one that is too large for any store."""
        done = self.interpret(call, answer)
        output = msgspec.json.encode(done.output)
        if len(output) > LARGEST_CLAIM:
            raise NodeError(
                "output_too_large",
                f"the output has {len(output)} bytes, at most {LARGEST_CLAIM} can be stored",
                usage=done.usage,
                calls=done.calls,
            )
        return node.NodeSucceeded(
            node=request.node,
            iteration=request.iteration,
            attempt=request.attempt,
            output=output.decode(),
            usage=done.usage,
            calls=done.calls,
            started_at=began,
            finished_at=ended,
        )

    def failed(self, request: node.ExecuteNode, error: NodeError, began: int, ended: int) -> Event:
        """NodeFailed."""
        return node.NodeFailed(
            node=request.node,
            iteration=request.iteration,
            attempt=request.attempt,
            code=error.code,
            message=str(error),
            retryable=error.retryable,
            usage=error.usage,
            calls=error.calls,
            started_at=began,
            finished_at=ended,
        )

    def unreadable(self, key: str, reason: str, now: int) -> Event | None:
        """Nothing: without the request there is no node to answer for; the router's time-out ends the attempt."""
        return None

    def deadline(self, request: node.ExecuteNode) -> int | None:
        """When the router gives the attempt up."""
        return request.deadline

    def journal_key(self, request: node.ExecuteNode) -> str:
        """Run, node, iteration and attempt."""
        return f"{request.run}/{request.node}/{request.iteration}/{request.attempt}"

    def repeat_ambiguous(self, call: C) -> bool:
        """Repeat: a job that costs nothing can be done twice."""
        return True
