"""Where the parts meet."""

from headrace.machine import run_machine
from headrace.resource import specs
from headrace.resource.machine import ResourceMachine
from headrace.service import Service, open_codec
from headrace.settings import ServiceSettings
from headrace.topics import PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE

TOPICS = (PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE)
KINDS = ("Prompt",)


async def start(service: Service, settings: ServiceSettings) -> None:
    """One machine."""
    codec = await open_codec(service, settings, TOPICS)
    machine = ResourceMachine(service.name, TOPICS, lambda kind, spec: specs.check(kind, spec, KINDS))
    service.spawn(run_machine(machine, codec, settings.kafka, service))
