"""Where the parts meet."""

from headrace.delivery import Delivery
from headrace.service import Service, open_codec
from headrace.settings import ServiceSettings
from headrace.topics import MODEL_CALLS, USAGE_ALERTS, USAGE_MEASURES, USAGE_WINDOWS
from usage_meter.app import faust_app
from usage_meter.meter import Meter
from usage_meter.publisher import Publisher


async def start(service: Service, settings: ServiceSettings) -> None:
    """The streams, and a producer for what they find."""
    codec = await open_codec(service, settings, (MODEL_CALLS, USAGE_MEASURES, USAGE_WINDOWS, USAGE_ALERTS))
    delivery = Delivery(settings.kafka)
    await delivery.start()
    service.on_stop(delivery.stop)
    publisher = Publisher(codec, delivery, settings.kafka.partitions, service.stopping)
    meter = Meter(faust_app(settings.kafka, settings.member), codec, publisher)
    service.ready_when("tables", lambda: meter.is_ready)
    service.spawn(meter.run())
