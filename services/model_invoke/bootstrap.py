"""Where the parts meet."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from headrace.announcer import Announcer
from headrace.bodies import Bodies, BodyStore, StoreSettings
from headrace.budgets.active import ActiveBudgets
from headrace.codec import Codec
from headrace.event import Event
from headrace.journal import Journal
from headrace.resource.catalog import Catalog
from headrace.service import Service, open_codec
from headrace.table import Table
from headrace.topics import (
    BUDGET_STATE,
    CONTROL_POSITIONS,
    MODEL_CALLS,
    MODEL_HEALTH,
    MODEL_STATE,
    NODE_OUTCOMES,
    NODE_REQUESTS,
    PROMPT_FINDINGS,
    RUN_TOKENS,
    Topic,
)
from headrace.worker import Worker, run_worker
from model_invoke.attempt.calling import Providers
from model_invoke.guards.breakers import Breakers
from model_invoke.guards.rates import Rates
from model_invoke.job import ModelInvokeJob
from model_invoke.money.ledger import Ledger
from model_invoke.money.paying import Patient
from model_invoke.provider.chat import HttpChat, http_client
from model_invoke.settings import ModelInvokeSettings

REQUESTS = NODE_REQUESTS["model_invoke"]
TOLD = (MODEL_CALLS, MODEL_HEALTH, RUN_TOKENS, PROMPT_FINDINGS)


async def start(
    service: Service,
    settings: ModelInvokeSettings,
    environment: Mapping[str, str],
    requests: Topic = REQUESTS,
    outcomes: Topic = NODE_OUTCOMES,
) -> None:
    """One worker, and what its calls go through. `environment`: what models may refer to."""
    codec = await open_codec(service, settings, (requests, outcomes, *TOLD, CONTROL_POSITIONS))
    journal = Journal(settings.database_url)
    service.on_stop(journal.close)
    service.ready_when("journal", lambda: journal.held)
    service.spawn(journal.hold(service.stopping))
    http = http_client(settings.concurrency)
    service.on_stop(http.aclose)
    announcer = await _announcer(service, settings, codec)
    breakers = Breakers(settings.breaker, service.instance, announcer.tell)
    active = ActiveBudgets()
    models = _table(service, settings, codec, MODEL_STATE)
    budgets = _table(service, settings, codec, BUDGET_STATE, lambda entries, _: active.follow(entries))
    health = _table(service, settings, codec, MODEL_HEALTH, lambda entries, names: breakers.follow(_of(entries, names)))
    ledger = Ledger(settings.database_url, lambda: active.now)
    patient = Patient(ledger)
    service.on_stop(ledger.close)
    service.on_stop(patient.close)
    providers = Providers(HttpChat(http, environment), breakers, Rates(), patient, announcer)
    bodies = Bodies(BodyStore(StoreSettings()))
    job = ModelInvokeJob(providers, bodies, Catalog({"Model": models.entries, "ModelAlias": models.entries}))
    worker = Worker(service.name, requests, outcomes, job, settings.concurrency, journal)
    _work(service, (health, models, budgets), run_worker(worker, codec, settings.kafka, service))


async def _announcer(service: Service, settings: ModelInvokeSettings, codec: Codec) -> Announcer:
    announcer = Announcer(service.name, TOLD, codec, settings.kafka)
    await announcer.start()
    service.on_stop(announcer.stop)
    service.spawn(announcer.watch(service.stopping))
    service.ready_when("announcements", lambda: not announcer.is_away)
    return announcer


def _table(
    service: Service,
    settings: ModelInvokeSettings,
    codec: Codec,
    topic: Topic,
    follow: Callable[[Mapping[str, Event], Iterable[str]], None] | None = None,
) -> Table:
    """A table that is read from now on. follow: is given all entries, and the names of those that changed."""

    def changed(names: Iterable[str]) -> None:
        if follow is not None:
            follow(table.entries, names)

    table = Table(topic, codec, settings.kafka, service=service.name, instance=service.instance, on_change=changed)
    service.ready_when(topic.name, lambda: table.is_ready)
    service.spawn(table.run(service.stopping))
    return table


def _of(entries: Mapping[str, Event], names: Iterable[str]) -> Mapping[str, Event]:
    return {name: entries[name] for name in names if name in entries}


def _work(service: Service, tables: Sequence[Table], worker: Coroutine[Any, Any, None]) -> None:
    """Work once the tables are whole: a breaker that others have opened is open from the first call on."""

    async def begin() -> None:
        for table in tables:
            await table.ready()
        await worker

    service.spawn(begin())
