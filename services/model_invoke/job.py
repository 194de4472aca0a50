"""The job: both halves around the ports."""

import time
from typing import Any

import msgspec

from headrace.bodies import BodyUnusable
from headrace.events.node import ExecuteNode
from headrace.prompting import Loaded, render_prompt
from headrace.resource.catalog import Resolver
from headrace.worker import Done, NodeJob
from model_invoke.attempt.calling import Providers
from model_invoke.attempt.chain import Chain
from model_invoke.core import outcome, request
from model_invoke.model import Answered, Plan
from model_invoke.ports import Bodies


class ModelInvokeJob(NodeJob[Plan]):
    """Calls models. Paid, so it is journaled: what `perform` returns is JSON, and is read again after a repetition."""

    def __init__(self, providers: Providers, bodies: Bodies, resolver: Resolver) -> None:
        self._providers = providers
        self._bodies = bodies
        self._resolver = resolver

    def plan(self, request_: ExecuteNode) -> Plan:
        """The attempt. Raises NodeError for what is wrong before anything is loaded or sent."""
        return request.plan(request_)

    async def perform(self, call: Plan) -> Any:
        """The output and the calls. Raises NodeError, with the calls in it.

        However it ends, every call that was made has been told of: none is lost once the journal has the attempt.
        """
        try:
            loaded = await self._loaded(call)
            messages = render_prompt(loaded, call.given)
            answered = await Chain(self._providers, self._resolver, call, loaded).answered(messages)
            return msgspec.to_builtins(answered)
        finally:
            await self._providers.announcer.told()

    async def _loaded(self, call: Plan) -> Loaded:
        """The prompt with its body. A body that can't be used is told of, too, for the prompt's audit trail."""
        try:
            return await self._bodies.load(call.config.prompt)
        except BodyUnusable as error:
            found = outcome.finding(call, error.pinned, error.code, str(error), time.time_ns() // 1_000_000)
            self._providers.announcer.tell(error.pinned.name, found, correlation=call.work.run)
            raise

    def interpret(self, call: Plan, answer: Any) -> Done:
        """The output and what it cost."""
        return outcome.interpret(msgspec.convert(answer, Answered))

    def repeat_ambiguous(self, call: Plan) -> bool:
        """As the node says: to be charged twice, or to fail."""
        return call.config.on_ambiguous == "retry"
