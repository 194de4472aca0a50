"""The rules for resources as a machine; prompt_service, model_registry and workflow_router each run one."""

from collections.abc import Iterable, Mapping, Sequence

from headrace.errors import mistake
from headrace.event import Event
from headrace.events import resource
from headrace.machine import Context, Machine, Tick, Unreadable
from headrace.resource import aggregate
from headrace.resource.content import Check
from headrace.resource.state import ERASING, State, refuse
from headrace.topics import Topic

OF_THE_WHOLE = (
    resource.PointerMoved
    | resource.PointerProtected
    | resource.ChangeProposed
    | resource.WorkflowPaused
    | resource.WorkflowResumed
)
"""What changes the head, and no version."""


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
        versions = {part.version: part for part in parts.values() if isinstance(part, resource.ResourceVersion)}
        due = 0 if any(version.status == ERASING for version in versions.values()) else None
        return State(
            name=key,
            kind=head.kind,
            versions=versions,
            pointers=head.pointers,
            splits=head.splits,
            protected=head.protected,
            proposals=head.proposals,
            paused=head.paused,
            due=due,
        )

    def decide(self, state: State, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        """Commands are carried out or refused; what can't be read is refused too, for its sender waits."""
        if isinstance(message, Unreadable):
            unread = resource.ChangeRefused(
                at=context.now, command="", code="command_unreadable", message=message.reason
            )
            return [unread]
        return [] if isinstance(message, Tick) else aggregate.decide(state, message, context.now, self._check)

    def broken(
        self, state: State, message: Event | Tick | Unreadable, context: Context, error: Exception
    ) -> Sequence[Event]:
        """The command is refused."""
        if isinstance(message, Unreadable | Tick):
            raise error
        return [refuse(message, context.now, "internal_error", mistake(error))]

    def evolve(self, state: State, event: Event) -> State:
        """The state after an event."""
        return aggregate.evolve(state, event)

    def parts(self, before: State, state: State, event: Event) -> Iterable[tuple[str, Event | None]]:
        """A version when it is made or its status changes, and the head when anything else does."""
        if isinstance(event, resource.VersionCreated | resource.VersionRetired):
            yield str(event.version), state.versions[event.version]
        if isinstance(event, resource.ErasureOrdered | resource.BodyErased):
            yield from ((str(version), state.versions[version]) for version in event.versions)
        if isinstance(event, resource.VersionCreated | OF_THE_WHOLE):
            yield "", _head(state)


def _head(state: State) -> resource.ResourceHead:
    return resource.ResourceHead(
        kind=state.kind,
        latest=state.latest,
        pointers=state.pointers,
        splits=state.splits,
        protected=state.protected,
        proposals=state.proposals,
        paused=state.paused,
    )
