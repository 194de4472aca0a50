"""Where the parts meet."""

from headrace.bodies import BodyStore
from headrace.machine import run_machine
from headrace.object_store.settings import StoreSettings
from headrace.service import Service, open_codec
from headrace.settings import ServiceSettings
from headrace.topics import DOMAINS, PROMPT_FINDINGS
from prompt_service.machine import PromptMachine
from prompt_service.preparation import LONGEST_S


async def start(service: Service, settings: ServiceSettings, store: StoreSettings) -> None:
    """One machine."""
    topics = DOMAINS["prompt"]
    codec = await open_codec(service, settings, (*topics, PROMPT_FINDINGS))
    machine = PromptMachine(service.name, topics, PROMPT_FINDINGS, BodyStore(store, read_s=LONGEST_S))
    service.spawn(run_machine(machine, codec, settings.kafka, service))
