"""The rules for resources as a machine; prompt_service, model_registry and workflow_router each run one."""

from collections.abc import Iterable, Mapping, Sequence

from headrace.event import Event
from headrace.events import resource
from headrace.machine import Context, Machine, Tick, Unreadable
from headrace.resource import aggregate
from headrace.resource.aggregate import Check, State
from headrace.topics import Topic


class ResourceMachine(Machine[State]):
    """Versions and pointers of all resources on one domain's topics. `check` knows the kinds of that domain."""

    def __init__(self, name: str, topics: tuple[Topic, Topic, Topic], check: Check) -> None:
        commands, self.log, self.state = topics
        self.name = name
        self.inputs = self.commands = (commands,)
        self._check = check

    def initial(self, key: str) -> State:
        """Nothing exists under this name."""
        return State(key)

    def restore(self, key: str, parts: Mapping[str, Event]) -> State:
        """From the head and one entry a version."""
        head = parts[""]
        assert isinstance(head, resource.ResourceHead)
        versions = {part.version: part.digest for part in parts.values() if isinstance(part, resource.ResourceVersion)}
        return State(key, head.kind, versions, head.pointers)

    def decide(self, state: State, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        """Commands are carried out or refused; what can't be read is refused too, for its sender waits."""
        if isinstance(message, Unreadable):
            unread = resource.ChangeRefused(
                at=context.now, command="", code="command_unreadable", message=message.reason
            )
            return [unread]
        return [] if isinstance(message, Tick) else aggregate.decide(state, message, context.now, self._check)

    def evolve(self, state: State, event: Event) -> State:
        """The state after an event."""
        return aggregate.evolve(state, event)

    def parts(self, state: State, event: Event) -> Iterable[tuple[str, Event | None]]:
        """The head, and a version once."""
        if isinstance(event, resource.VersionCreated):
            yield (
                str(event.version),
                resource.ResourceVersion(
                    kind=event.kind,
                    version=event.version,
                    digest=event.digest,
                    spec=event.spec,
                    at=event.at,
                    actor=event.actor,
                ),
            )
        if isinstance(event, resource.VersionCreated | resource.PointerMoved):
            yield "", resource.ResourceHead(kind=state.kind, latest=state.latest, pointers=state.pointers)
