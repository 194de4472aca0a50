"""What a service supplies to the machine loop, and what the loop gives to it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from headrace.cloudevents import Attributes
from headrace.event import Event
from headrace.topics import Topic

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)

POSITION_KEY = "@position"
"""Key under which a state topic holds the machine's place in its inputs."""


class Tick(NamedTuple):
    """Something is due for a key at `now` (epoch milliseconds)."""

    now: int


class Unreadable(NamedTuple):
    """A record that can't be decoded; it goes to the dead letters, and the machine may answer it."""

    reason: str


class Received(NamedTuple):
    """Where a message came from; a forwarded record keeps the place at which its caller produced it."""

    place: str
    """`<topic>-<partition>-<offset>`."""
    key: bytes | None
    attributes: Attributes
    topic: str
    """Where it was read; a place may name another one."""


class Context(NamedTuple):
    """Everything from outside that a decision may use.

    now: epoch milliseconds, the same for a whole batch. key: the aggregate's key. received: None for a Tick.
    prepared: what the machine's preparation has found.
    """

    now: int
    key: str
    received: Received | None
    prepared: Any = None


class Output(NamedTuple):
    """A record beside the log, such as a work request or a result. `key` None means the aggregate's key."""

    topic: Topic
    event: Event
    key: bytes | None = None


Message = Event | Tick | Unreadable


class Preparation(Protocol, Generic[S_contra]):
    """What a machine needs to know from outside, or to have done there, before it can decide."""

    async def prepare(self, state: S_contra, message: Message) -> Any:
        """What the decision on a message is given as `context.prepared`; asked just before each decision, in order.

        No transaction is open meanwhile. It may be asked again for the same message, so what it does must bear
        repetition. What is away is something found, too: the keys of a partition wait for each other.
        """


class Machine(ABC, Generic[S]):
    """A state machine for each key. Every method is pure: no clock, no ids, no I/O.

    name: service and machine, such as workflow_router.runs; the transactional id of partition p is `<name>.<p>`.
    inputs: topics with equal partition counts; partition p of each belongs to the same owner.
    commands: those of the inputs that callers write, with a partitioner of their own.
    log: where events go. state: the compacted topic of the current state.
    preparation: what looks outside before each decision; None where nothing has to be waited for.
    """

    name: str
    inputs: tuple[Topic, ...]
    commands: tuple[Topic, ...]
    log: Topic
    state: Topic
    preparation: Preparation[S] | None = None

    @abstractmethod
    def initial(self, key: str) -> S:
        """The state of a key that was never seen."""

    @abstractmethod
    def restore(self, key: str, parts: Mapping[str, Event]) -> S:
        """The state that these entries of the state topic hold; the head is the part with the empty name."""

    @abstractmethod
    def decide(self, state: S, message: Message, context: Context) -> Sequence[Event]:
        """What happens because of a message: events for the log. A refusal is an event too; nothing is an empty one."""

    def broken(self, state: S, message: Message, context: Context, error: Exception) -> Sequence[Event]:
        """What happens instead of a decision that a mistake in the program kept from being made; it is in the log.

        Without an answer of its own a machine stops: started again, it meets the same message.
        """
        raise error

    @abstractmethod
    def evolve(self, state: S, event: Event) -> S:
        """The state after an event."""

    @abstractmethod
    def parts(self, before: S, state: S, event: Event) -> Iterable[tuple[str, Event | None]]:
        """State entries that an event changed, by part name; None deletes one. The states: before and after it."""

    def outputs(self, before: S, state: S, event: Event, context: Context) -> Iterable[Output]:
        """Records that an event leads to beside the log. The states: before and after it."""
        return ()

    def key(self, received: Received) -> str:
        """The aggregate's key of a record; one without a key gets its place as its key."""
        return received.key.decode(errors="replace") if received.key else received.place

    def seal(self, state: S, event: Event) -> Event:
        """Complete an event just before it is encoded, such as with its place in the key's log."""
        return event

    def link(self, state: S, digest: bytes) -> S:
        """Remember the SHA-256 of the log record that was just encoded."""
        return state

    def origin(self, state: S) -> Attributes | None:
        """What first led to this key: a Tick's events carry on its correlation, actor and trace."""
        return None

    def due(self, state: S) -> int | None:
        """When this key wants its next Tick, epoch milliseconds.

        A Tick that is due must lead to an event, or to a time to look `again`; else the key is not looked at any more.
        """
        return None

    def again(self, state: S, now: int) -> int | None:
        """When to repeat a Tick that has led to no event at `now`, both epoch milliseconds; None for never.

        It is as long as `due` stays what it is, whatever else happens to the key.
        """
        return None

    def finished(self, state: S) -> bool:
        """Whether nothing can happen to this key any more; the loop then keeps the key and drops the state."""
        return False
