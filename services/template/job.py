"""The job: the processor is its port."""

from typing import Any

from headrace.events.node import ExecuteNode
from headrace.worker import Done, NodeJob
from template import core


class TemplateJob(NodeJob[core.Plan]):
    """Computes. Never waits, so requests are done a batch at a time."""

    inline = True

    def plan(self, request: ExecuteNode) -> core.Plan:
        """What to compute. Raises NodeError for a configuration that makes no sense."""
        return core.plan(request.config, request.input)

    async def perform(self, call: core.Plan) -> dict[str, Any]:
        """The values by name. Raises NodeError, which names the expression or template that failed."""
        return core.compute(call)

    def interpret(self, call: core.Plan, answer: dict[str, Any]) -> Done:
        """The values are the output."""
        return Done(answer)
