"""One call of one model, through everything that may keep it from being made."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from math import inf

from headrace.errors import NodeError
from headrace.events.run import Usage
from headrace.prompting import estimated_question
from headrace.resource.model import Costs, price_at
from model_invoke.attempt.pieces import Pieces
from model_invoke.attempt.trail import Trail
from model_invoke.attempt.unbroken import unbroken
from model_invoke.core import answer, outcome, usage
from model_invoke.core.answer import Judged
from model_invoke.core.candidates import is_streamed
from model_invoke.core.outcome import NoAnswer
from model_invoke.guards.breakers import Breakers
from model_invoke.guards.rates import Rates
from model_invoke.model import ChatRequest, Completion, PinnedModel, Plan
from model_invoke.money.paying import Patient
from model_invoke.ports import Announcer, Chat, Facts, ProviderFault, Rejected, Reservation

PATIENCE = 0.5
"""Share of the time left that a call waits for its turn: the rest is for the call, or for the next candidate."""


@dataclass(frozen=True)
class Providers:
    """What stands between an attempt and the providers, the same for all attempts of this process.

    has_ended: whether a run has, by its id: a call that is cancelled then is told of and paid, at a shutdown repeated.
    """

    chat: Chat
    breakers: Breakers
    rates: Rates
    budgets: Patient
    announcer: Announcer
    has_ended: Callable[[str], bool]


class Caller:
    """Makes the calls of one attempt.

    sensitive: whether the prompt is, so that nothing a provider says is repeated.
    """

    def __init__(self, providers: Providers, plan: Plan, trail: Trail, *, sensitive: bool) -> None:
        self._providers = providers
        self._plan = plan
        self._trail = trail
        self._sensitive = sensitive
        self._parameters = plan.config.prompt.spec.parameters
        self._streamed = 0
        self.warnings: list[str] = []
        """Of budgets, in words."""

    async def call(self, model: PinnedModel, request: ChatRequest, number: int) -> tuple[Completion, Judged]:
        """An answer, and whether it is what was asked for; number: the call's own in the attempt.

        Raises ProviderFault after it has been noted; Rejected and OverBudget, which have to be; NodeError timeout.
        """
        name, limits = str(model), model.spec.limits
        breaker, rate = self._providers.breakers.of(name), self._providers.rates.of(name, limits)
        breaker.check()
        patience_s = min(self._left_s(), limits.timeout_ms / 1000) * PATIENCE
        tokens = estimated_question(request.messages, self._parameters) + request.max_tokens
        async with rate.turn(tokens, patience_s):
            breaker.check()
            costs = price_at(model.spec.costs, datetime.now(UTC).date())
            reservation = await self._reserve(model, request, costs, number)
            return await self._made(model, request, costs, reservation, number)

    async def _reserve(self, model: PinnedModel, request: ChatRequest, costs: Costs, number: int) -> Reservation:
        worst = usage.worst(request, self._parameters, costs)
        work = self._plan.work
        facts = Facts(
            self._plan.call_id(number),
            work.workflow.partition("@")[0],
            work.tenant,
            model.name,
            self._plan.config.prompt.name,
        )
        left = self._left_s()
        try:
            async with asyncio.timeout(None if left == inf else left):
                reservation = await self._providers.budgets.reserve(facts, worst, costs.currency, _now())
        except TimeoutError as error:
            self._providers.budgets.give_back(facts.id)
            message = "the ledger of budgets did not answer until the deadline; the call was not made"
            raise self._trail.failed("timeout", message, retryable=True) from error
        except asyncio.CancelledError:
            if self._has_ended():
                self._providers.budgets.give_back(facts.id)
            raise
        self.warnings += [warning for warning in reservation.warnings if warning not in self.warnings]
        return reservation

    async def _made(
        self, model: PinnedModel, request: ChatRequest, costs: Costs, reservation: Reservation, number: int
    ) -> tuple[Completion, Judged]:
        began, heard, pieces = time.perf_counter(), None, self._pieces(model)
        try:
            heard = completion = await self._heard(model, request, pieces)
            judged = answer.judged(self._plan, completion)
            spent = usage.answered(request, self._parameters, completion, costs)
        except asyncio.CancelledError:
            if self._has_ended():
                spent = usage.cut_off(request, self._parameters, pieces.said if pieces else "", costs)
                await self._note(model, number, time.perf_counter() - began, spent, reservation, outcome.STOPPED)
            raise
        except (Rejected, NodeError) as error:
            await unbroken(self._providers.budgets.settle(reservation, Decimal(0)))
            if error.code == "provider_unconfigured":
                raise Rejected(error.code, str(error)) from error
            raise
        except Exception as error:
            fault = error if isinstance(error, ProviderFault) else outcome.bug(error, heard)
            cost = usage.failed(request, self._parameters, fault, costs)
            no_answer = outcome.no_answer(fault, sensitive=self._sensitive, charged=bool(cost and cost.estimated))
            await self._note(model, number, time.perf_counter() - began, cost, reservation, no_answer)
            if fault.retry_after_s:
                self._providers.rates.of(str(model), model.spec.limits).leave_alone(fault.retry_after_s)
            raise
        await self._note(model, number, time.perf_counter() - began, spent, reservation, self._invalid(judged))
        return completion, judged

    async def _heard(self, model: PinnedModel, request: ChatRequest, pieces: Pieces | None) -> Completion:
        """The provider's answer, streamed if it is to be."""
        model_s, left_s = model.spec.limits.timeout_ms / 1000, self._left_s()
        timeout_s = min(model_s, left_s)
        heard = pieces.heard if pieces else None
        made = partial(self._providers.chat.complete, request, timeout_s, heard)
        try:
            return await self._providers.breakers.of(str(model)).call(made, timeout_s, model_s)
        finally:
            if pieces:
                pieces.send()

    def _pieces(self, model: PinnedModel) -> Pieces | None:
        if not is_streamed(self._plan, model):
            return None
        self._streamed += 1
        return Pieces(self._providers.announcer, self._plan, model, self._streamed - 1)

    def _invalid(self, judged: Judged) -> NoAnswer | None:
        if not judged.fault:
            return None
        said = "is not what was asked for" if self._sensitive else judged.fault
        return NoAnswer("output_invalid", f"the model's answer {said}", retryable=True, called=True)

    async def _note(
        self,
        model: PinnedModel,
        number: int,
        seconds: float,
        spent: Usage | None,
        reservation: Reservation,
        no_answer: NoAnswer | None,
    ) -> None:
        """Charge a call and tell of it, whoever wants to stop meanwhile: it was made."""

        async def note() -> None:
            charges = await self._providers.budgets.settle(reservation, Decimal(spent.cost if spent else 0))
            self._trail.called(model, number, seconds=seconds, usage=spent, charges=charges, no_answer=no_answer)

        await unbroken(note())

    def _has_ended(self) -> bool:
        return self._providers.has_ended(self._plan.work.run)

    def _left_s(self) -> float:
        """Seconds that are left for the attempt. Raises NodeError timeout when none are."""
        left = self._plan.left_s(_now())
        if left <= 0:
            none = "" if self._trail.calls else "; no call was made"
            raise self._trail.failed("timeout", f"too little is left until the deadline{none}", retryable=True)
        return left


def _now() -> int:
    return time.time_ns() // 1_000_000
