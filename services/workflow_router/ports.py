"""What the rules of a run need from outside: immutable facts, looked up by reference or by pin."""

from typing import Protocol

from headrace.events.run import RunStarted
from headrace.resource.catalog import Resolved, Resolver
from headrace.workflow import CompiledWorkflow


class Workflows(Protocol):
    """Resources by reference, and compiled workflows."""

    @property
    def resolver(self) -> Resolver:
        """Turns references into versions. Raises NotFound."""

    def compile(self, workflow: Resolved) -> CompiledWorkflow:
        """The compiled form of a workflow's version; made once."""

    def compiled(self, workflow: str) -> CompiledWorkflow:
        """The workflow that a run is pinned to, name@version."""

    def paused(self, started: RunStarted) -> bool:
        """Whether nothing new may start in runs of a workflow by now."""

    def config(self, started: RunStarted, node: str) -> str:
        """A node's configuration as JSON, with pinned prompts and models in full in the place of their references."""
