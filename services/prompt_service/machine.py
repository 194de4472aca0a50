"""The machine of prompts: as that of every resource, and it looks at stored bodies."""

from collections.abc import Sequence

from headrace.event import Event
from headrace.events import resource
from headrace.machine import Context, Tick, Unreadable
from headrace.resource import erasure
from headrace.resource.machine import ResourceMachine
from headrace.resource.state import State, refuse
from headrace.topics import Domain, Topic
from prompt_service import core
from prompt_service.ports import Store
from prompt_service.preparation import BodyPreparation


class PromptMachine(ResourceMachine):
    """Versions, pointers, and bodies: read before a version is made of one, destroyed after it was ordered.

    findings: where workers tell which bodies they could not use.
    """

    def __init__(self, name: str, topics: Domain, findings: Topic, store: Store) -> None:
        super().__init__(name, topics, core.check)
        self.inputs = (topics.commands, findings)
        self._findings = findings
        self.preparation = BodyPreparation(store)

    def decide(self, state: State, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        """As every resource; findings are noted as they are."""
        match message:
            case Tick(now):
                return core.destroyed(state, context.prepared, now)
            case resource.BodyUnusable():
                return [message] if core.is_about(state, message) else []
            case Unreadable() if context.received and context.received.topic == self._findings.name:
                return []
            case resource.CreateVersion():
                # Whoever waits takes the first event for the answer.
                return [*self._created(state, message, context), *core.ordered_again(state, message, context.now)]
        return super().decide(state, message, context)

    def _created(self, state: State, command: resource.CreateVersion, context: Context) -> Sequence[Event]:
        if refusal := core.body_refusal(state, command, context.prepared):
            return [refuse(command, context.now, *refusal)]
        return super().decide(state, command, context)

    def due(self, state: State) -> int | None:
        """When the next body is to be destroyed."""
        return state.due

    def again(self, state: State, now: int) -> int | None:
        """When a body is tried again that could not be destroyed."""
        return erasure.next_try(state, now)
