"""Attempts of model_invoke nodes for tests: configurations, models that answer as they are told, what was told."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from headrace.bodies import Bodies, BodyStore
from headrace.errors import NodeError
from headrace.event import Event
from headrace.events.model import ModelCalled
from headrace.events.node import ExecuteNode
from headrace.events.run import Charge, Usage
from headrace.json_schema import compile_schema
from headrace.nodes import NODE_TYPES
from headrace.object_store.settings import StoreSettings
from headrace.prompting import Loaded, assemble, render_prompt
from headrace.resource.catalog import Catalog
from headrace.worker import Done, Stops
from model_invoke.attempt.calling import Providers
from model_invoke.core import candidates, fitting, request
from model_invoke.core.window import Threshold
from model_invoke.guards.breakers import Breakers
from model_invoke.guards.rates import Rates
from model_invoke.job import ModelInvokeJob
from model_invoke.model import ChatRequest, Completion, Plan, Tokens
from model_invoke.money.paying import Patient
from model_invoke.ports import Budgets, Facts, Heard, OverBudget, ProviderFault, Reservation

E = TypeVar("E", bound=Event)

OUTPUT = compile_schema(NODE_TYPES["model_invoke"].output)
PROMPT: dict[str, Any] = {"messages": [{"role": "user", "template": "Why?"}]}
MODEL: dict[str, Any] = {
    "provider": "openai",
    "endpoint": {"url": "http://127.0.0.1:1/v1"},
    "model": "m",
    "limits": {"context_window": 1_000, "max_output_tokens": 100},
    "costs": {"currency": "EUR", "input_per_1k": "0.15", "output_per_1k": "0.6"},
}
COUNTED = Tokens(1_000, 500)
PAID = Usage(input_tokens=1_000, output_tokens=500, cost="0.45", currency="EUR")
"""What COUNTED costs with MODEL."""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ASKS_FOR_JSON = {"parameters": {"response_schema": SCHEMA}}
TOOL = {"name": "add", "parameters": SCHEMA}


def pinned(name: str, version: int = 1, **spec: Any) -> dict[str, Any]:
    """A model as the router pins it; its provider knows it by its name."""
    return {"name": name, "version": version, "digest": name, "spec": {**MODEL, "model": name, **spec}}


def work(
    *models: dict[str, Any],
    prompt: dict[str, Any] | None = None,
    given: Any = None,
    deadline: int | None = None,
    tenant: str | None = None,
    **config: Any,
) -> ExecuteNode:
    """A request; `models` are the first choice and its fallbacks."""
    first, *fallbacks = models or (pinned("tiny", 2),)
    known = {
        "prompt": {"name": "p", "version": 1, "digest": "d", "spec": {**PROMPT, **(prompt or {})}},
        "model": first,
        "fallbacks": fallbacks,
    }
    return ExecuteNode(
        run="r",
        workflow="w@3",
        node="n",
        type="model_invoke",
        config=json.dumps({**known, **config}),
        input=json.dumps(given or {}),
        deadline=deadline,
        tenant=tenant,
    )


def loaded(plan: Plan) -> Loaded:
    """The prompt of an attempt, whose body is in its spec."""
    return assemble(plan.config.prompt, plan.config.prompt.spec.inline or (), {})


def question(asked: ExecuteNode) -> ChatRequest:
    """What the first choice is asked. Raises NodeError and Rejected."""
    plan = request.plan(asked)
    prompt, model = loaded(plan), plan.config.candidates[0]
    messages = render_prompt(prompt, plan.given)
    candidates.check(plan, messages, model)
    return request.chat_request(plan, model, fitting.fitted(plan, prompt, messages, model).messages)


Answer = Completion | Exception | Callable[[ChatRequest, Heard | None], Awaitable[Completion]]


@dataclass
class Models:
    """A port Chat: models that give their answers one after the other, the last one for ever; without any, "yes"."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[ChatRequest] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    async def complete(self, request: ChatRequest, timeout_s: float, heard: Heard | None = None) -> Completion:
        """See the port."""
        self.asked.append(request)
        self.timeouts.append(timeout_s)
        answers = self.answers.get(request.model, [Completion("yes", "stop", COUNTED)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Completion) else await answer(request, heard)

    @property
    def calls(self) -> list[str]:
        """Who was called, in order."""
        return [request.model for request in self.asked]


@dataclass
class Told:
    """A port Announcer that keeps what it is told."""

    events: list[tuple[str, Event]] = field(default_factory=list)

    def tell(self, key: str, event: Event, *, correlation: str | None = None) -> None:
        """See the port."""
        self.events.append((key, event))

    async def told(self) -> None:
        """See the port."""

    def of(self, kind: type[E]) -> list[E]:
        """Events of one kind."""
        return [event for _, event in self.events if isinstance(event, kind)]


@dataclass
class Purse:
    """A port Budgets: one budget with so much money; `instead` is what it says to call when that is not enough."""

    money: Decimal = Decimal(1_000_000)
    instead: str | None = None
    warnings: Sequence[str] = ()
    held: dict[str, Decimal] = field(default_factory=dict)
    settled: dict[str, Decimal] = field(default_factory=dict)
    facts: list[Facts] = field(default_factory=list)

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """See the port."""
        self.facts.append(facts)
        if worst > self.money - sum(self.held.values()):
            raise OverBudget("budget pocket has not enough left", self.instead)
        self.held[facts.id] = worst
        return Reservation(facts.id, self.warnings)

    async def settle(self, reservation: Reservation, cost: Decimal) -> Sequence[Charge]:
        """See the port."""
        self.held.pop(reservation.id, None)
        self.settled[reservation.id] = cost
        self.money -= cost
        return (Charge(budget="pocket", period="total", amount=str(cost), limit="9"),)

    async def give_back(self, calls: Sequence[str]) -> None:
        """See the port."""
        for call in calls:
            await self.settle(Reservation(call), Decimal(0))


@dataclass
class World:
    """One worker process, as its job sees it."""

    models: Models = field(default_factory=Models)
    told: Told = field(default_factory=Told)
    budgets: Budgets = field(default_factory=Purse)
    threshold: Threshold = field(default_factory=Threshold)
    catalog: dict[str, Any] = field(default_factory=dict)
    instance: str = "one"

    def __post_init__(self) -> None:
        self.breakers = Breakers(self.threshold, self.instance, self.told.tell)
        self.patient = Patient(self.budgets)
        self.stops = Stops()
        guards = (self.breakers, Rates(), self.patient, self.told)
        self.providers = Providers(self.models, *guards, self.stops.has_ended)
        entries = defaultdict(dict, {"Model": self.catalog, "ModelAlias": self.catalog})
        self.resolver = Catalog(entries)
        self.job = ModelInvokeJob(self.providers, Bodies(BodyStore(StoreSettings())), self.resolver)

    async def done(self, asked: ExecuteNode) -> Done:
        """How an attempt ends, with an output that is what workflows are checked against. Raises NodeError."""
        plan = self.job.plan(asked)
        answer = await self.job.perform(plan)
        done = self.job.interpret(plan, msgspec.json.decode(msgspec.json.encode(answer)))
        OUTPUT.validate(done.output)
        return done

    async def fails(self, asked: ExecuteNode) -> NodeError:
        """How an attempt ends that must not end well."""
        try:
            done = await self.done(asked)
        except NodeError as error:
            return error
        raise AssertionError(f"it ended well: {done}")

    @property
    def made(self) -> list[tuple[str, str]]:
        """Calls that were told of: model and outcome."""
        return [(call.model, call.outcome) for call in self.told.of(ModelCalled)]


def answering(models: Mapping[str, Answer | list[Answer]], **more: Any) -> World:
    """A process whose models answer so."""
    scripts = {name: answer if isinstance(answer, list) else [answer] for name, answer in models.items()}
    return World(Models(scripts), **more)


def down(code: str = "provider_unavailable", **more: Any) -> ProviderFault:
    """A fault of a provider's own."""
    return ProviderFault(code, f"{code}, it says", **more)


async def never(_: ChatRequest, __: Heard | None) -> Completion:
    """An answer that does not come."""
    await asyncio.Event().wait()
    raise AssertionError


def said(error: NodeError) -> tuple[str, bool, Sequence[tuple[str, str]]]:
    """Code, whether it may pass, and each call's provider and outcome."""
    return error.code, error.retryable, [(call.provider, call.outcome) for call in error.calls]
