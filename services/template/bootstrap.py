"""Where the parts meet."""

from headrace.claims import Claims
from headrace.object_store.settings import StoreSettings
from headrace.service import Service, open_codec
from headrace.settings import ServiceSettings
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, NODE_STOPS
from headrace.worker import Stops, Worker, run_worker
from template.job import TemplateJob


async def start(service: Service, settings: ServiceSettings) -> None:
    """One worker, without a journal: it computes, and calls nobody."""
    requests = NODE_REQUESTS["template"]
    codec = await open_codec(service, settings, (requests, NODE_OUTCOMES, NODE_STOPS))
    stops, claims = Stops(NODE_STOPS), Claims(StoreSettings())
    worker = Worker("template", requests, NODE_OUTCOMES, TemplateJob(), stops=stops, claims=claims)
    service.spawn(run_worker(worker, codec, settings.kafka, service))
