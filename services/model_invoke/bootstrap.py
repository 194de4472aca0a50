"""Where the parts meet."""

from collections.abc import Mapping
from functools import partial

from headrace.bodies import Bodies, BodyStore
from headrace.claims import Claims
from headrace.journal import Journal
from headrace.object_store.settings import StoreSettings
from headrace.resource.catalog import Catalog
from headrace.service import Service, once_read, open_announcer, open_codec, open_table
from headrace.topics import (
    BUDGET_STATE,
    CONTROL_POSITIONS,
    MODEL_CALLS,
    MODEL_HEALTH,
    MODEL_STATE,
    NODE_OUTCOMES,
    NODE_REQUESTS,
    NODE_STOPS,
    PROMPT_FINDINGS,
    RUN_TOKENS,
    Topic,
)
from headrace.worker import Stops, Worker, run_worker
from model_invoke.attempt.calling import Providers
from model_invoke.guards.breakers import Breakers
from model_invoke.guards.rates import Rates
from model_invoke.job import ModelInvokeJob
from model_invoke.money.active import ActiveBudgets
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
    """One worker, and what its calls go through. `environment`: what models may refer to.

    It works once the tables are whole: a breaker that others have opened is open from the first call on.
    """
    codec = await open_codec(service, settings, (requests, outcomes, *TOLD, NODE_STOPS, CONTROL_POSITIONS))
    journal = _journal(service, settings)
    chat = _chat(service, settings, environment)
    announcer = await open_announcer(service, settings, codec, TOLD)
    breakers = Breakers(settings.breaker, service.instance, announcer.tell)
    active = ActiveBudgets()
    models = open_table(service, settings, codec, MODEL_STATE)
    budgets = open_table(service, settings, codec, BUDGET_STATE, active.follow)
    health = open_table(service, settings, codec, MODEL_HEALTH, breakers.follow)
    stops = Stops(NODE_STOPS)
    providers = Providers(chat, breakers, Rates(), _paying(service, settings, active), announcer, stops.has_ended)
    catalog = Catalog({"Model": models.entries, "ModelAlias": models.entries})
    objects = StoreSettings()
    job = ModelInvokeJob(providers, Bodies(BodyStore(objects)), catalog)
    worker = Worker(service.name, requests, outcomes, job, settings.concurrency, journal, stops, Claims(objects))
    work = partial(run_worker, worker, codec, settings.kafka, service)
    service.spawn(once_read(service, (models, budgets, health), work))


def _journal(service: Service, settings: ModelInvokeSettings) -> Journal:
    journal = Journal(settings.database_url)
    service.on_stop(journal.close)
    service.ready_when("journal", lambda: journal.held)
    service.spawn(journal.hold(service.stopping))
    return journal


def _chat(service: Service, settings: ModelInvokeSettings, environment: Mapping[str, str]) -> HttpChat:
    http = http_client(settings.concurrency)
    service.on_stop(http.aclose)
    return HttpChat(http, environment)


def _paying(service: Service, settings: ModelInvokeSettings, active: ActiveBudgets) -> Patient:
    ledger = Ledger(settings.database_url, lambda: active.now)
    patient = Patient(ledger)
    service.on_stop(ledger.close)
    service.on_stop(patient.close)
    return patient
