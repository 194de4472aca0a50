"""One attempt: its candidates, one after the other, until one answers."""

from collections import deque
from typing import NamedTuple

import structlog

from headrace.errors import NodeError, NotFound
from headrace.prompting import ChatMessage, Loaded
from headrace.resource.catalog import Resolver
from model_invoke.attempt.calling import Caller, Providers
from model_invoke.attempt.trail import Trail
from model_invoke.core import answer, candidates, outcome
from model_invoke.core.fitting import Fitted, fitted
from model_invoke.core.outcome import NoAnswer
from model_invoke.core.request import chat_request
from model_invoke.model import Answered, PinnedModel, Plan
from model_invoke.ports import OverBudget, ProviderFault, Rejected

ENDS_IT = frozenset({"model_refused"})
"""Faults after which nobody else is asked: a model that refuses to answer has answered."""

_log = structlog.get_logger(__name__)


class Candidate(NamedTuple):
    """A model that may be asked; place: its own among all of the attempt, the same when the request comes again."""

    model: PinnedModel
    place: int

    @property
    def number(self) -> int:
        """Of its first call; the next is that of a second one, which asks for a better answer."""
        return 2 * self.place


class Chain:
    """The candidates of one attempt. resolver: finds the model that a budget says to call instead."""

    def __init__(self, providers: Providers, resolver: Resolver, plan: Plan, loaded: Loaded) -> None:
        self._plan = plan
        self._loaded = loaded
        self._resolver = resolver
        self._trail = Trail(plan, providers.announcer)
        self._caller = Caller(providers, plan, self._trail, sensitive=loaded.sensitive)
        self._queue = deque(Candidate(model, place) for place, model in enumerate(plan.config.candidates))
        self._known = {str(candidate.model) for candidate in self._queue}

    async def answered(self, messages: tuple[ChatMessage, ...]) -> Answered:
        """The first good answer, with what everybody did. Raises NodeError, with what it cost: after a bug as well."""
        try:
            return await self._first(messages)
        except NodeError:
            raise
        except Exception as error:
            _log.exception("a bug in this worker")
            fault = outcome.bug(error)
            raise self._trail.failed(fault.code, str(fault)) from error

    async def _first(self, messages: tuple[ChatMessage, ...]) -> Answered:
        while self._queue:
            candidate = self._queue.popleft()
            try:
                return await self._ask(candidate, messages)
            except Rejected as error:
                self._trail.rejected(candidate.model, outcome.no_answer(error, sensitive=False))
            except OverBudget as error:
                self._over(candidate, error)
            except ProviderFault as fault:
                if fault.code in ENDS_IT:
                    break
        raise self._trail.exhausted()

    async def _ask(self, candidate: Candidate, messages: tuple[ChatMessage, ...]) -> Answered:
        """One model's answer, or its second one if the first is not what was asked for."""
        model = candidate.model
        candidates.check(self._plan, messages, model)
        fit = fitted(self._plan, self._loaded, messages, model)
        request = chat_request(self._plan, model, fit.messages)
        completion, judged = await self._caller.call(model, request, candidate.number)
        if judged.fault:
            better = answer.repair(request, completion, judged.fault)
            _, judged = await self._caller.call(model, better, candidate.number + 1)
        if judged.fault:
            raise self._invalid()
        return Answered(self._output(judged.output, fit), tuple(self._trail.calls))

    def _output(self, said: dict[str, object], fit: Fitted) -> dict[str, object]:
        dropped = {"dropped": dict(fit.dropped)} if fit.dropped else {}
        warnings = {"warnings": self._caller.warnings} if self._caller.warnings else {}
        return {**said, **dropped, **warnings}

    def _invalid(self) -> NodeError:
        reason = self._trail.calls[-1].reason
        return self._trail.failed("output_invalid", f"{reason}; it was told so, and answered again", retryable=True)

    def _over(self, candidate: Candidate, error: OverBudget) -> None:
        """Go on with what the budget says to call instead, if it does, else with the next."""
        reason = str(error)
        cheaper: tuple[PinnedModel, ...] = ()
        try:
            cheaper = candidates.standing_for(self._resolver, error.use) if error.use else ()
        except NotFound as missing:
            reason = f"{error}; and instead of it: {missing}"
        self._trail.rejected(candidate.model, NoAnswer(outcome.OVER, reason, retryable=False, called=False))
        new = [model for model in cheaper if str(model) not in self._known]
        first = len(self._known)
        self._known |= {str(model) for model in new}
        self._queue.extendleft(reversed([Candidate(model, first + place) for place, model in enumerate(new)]))
