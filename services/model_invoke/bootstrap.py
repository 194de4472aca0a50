"""Where the parts meet."""

from collections.abc import Mapping

from headrace.journal import Journal
from headrace.service import Service, open_codec
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS
from headrace.worker import Worker, run_worker
from model_invoke.adapters import HttpChat, http_client
from model_invoke.job import ModelInvokeJob
from model_invoke.settings import ModelInvokeSettings


async def start(service: Service, settings: ModelInvokeSettings, environment: Mapping[str, str]) -> None:
    """One worker, its journal, and the connections to providers. `environment`: what models may refer to."""
    requests = NODE_REQUESTS["model_invoke"]
    codec = await open_codec(service, settings, (requests, NODE_OUTCOMES))
    journal = Journal(settings.database_url)
    service.on_stop(journal.close)
    service.ready_when("journal", lambda: journal.held)
    service.spawn(journal.hold(service.stopping))
    http = http_client(settings.concurrency)
    service.on_stop(http.aclose)
    job = ModelInvokeJob(HttpChat(http, environment))
    worker = Worker("model_invoke", requests, NODE_OUTCOMES, job, settings.concurrency, journal)
    service.spawn(run_worker(worker, codec, settings.kafka, service))
