"""Where the parts meet."""

from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS
from headrace.worker import Worker, run_worker
from template.core import TemplateJob


async def start(service: Service, settings: ServiceSettings) -> None:
    """One worker, without a journal: it computes, and calls nobody."""
    registry = SchemaRegistry(settings.schema_registry_url)
    service.on_stop(registry.close)
    codec = Codec(registry)
    requests = NODE_REQUESTS["template"]
    await codec.register((requests, NODE_OUTCOMES))
    worker = Worker("template", requests, NODE_OUTCOMES, TemplateJob())
    service.spawn(run_worker(worker, codec, settings.kafka, service))
