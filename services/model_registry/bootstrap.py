"""Where the parts meet."""

from headrace.machine import run_machine
from headrace.resource import specs
from headrace.resource.machine import ResourceMachine
from headrace.service import Service, open_codec
from headrace.settings import ServiceSettings
from headrace.topics import DOMAINS

MODELS = ("Model", "ModelAlias")
BUDGETS = ("Budget",)


async def start(service: Service, settings: ServiceSettings) -> None:
    """Two machines: models with their aliases, and budgets."""
    models, budgets = DOMAINS["model"], DOMAINS["budget"]
    codec = await open_codec(service, settings, (*models, *budgets))
    machines = (
        ResourceMachine(service.name, models, lambda kind, spec: specs.check(kind, spec, MODELS)),
        ResourceMachine(f"{service.name}.budgets", budgets, lambda kind, spec: specs.check(kind, spec, BUDGETS)),
    )
    for machine in machines:
        service.spawn(run_machine(machine, codec, settings.kafka, service))
