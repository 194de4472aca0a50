"""The machine of prompts in a process of its own: `python -m tests.integration.processes.prompts ORDERS`."""

import sys

from headrace.bodies import BodyStore
from headrace.machine import run_machine
from headrace.object_store.settings import LOCAL_SECRET, StoreSettings
from headrace.service import Service, open_codec, run
from headrace.topics import PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_FINDINGS, PROMPT_STATE, Domain, Topic
from prompt_service.machine import PromptMachine
from prompt_service.preparation import LONGEST_S
from tests.integration import processes
from tests.integration.processes import Trap
from tests.support.topics import renamed


class Orders(processes.Orders):
    """store: URL of the object store."""

    store: str


def topics(suffix: str) -> tuple[Domain, Topic]:
    """Those of prompts, and that of findings."""
    *domain, findings = renamed(suffix, PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE, PROMPT_FINDINGS)
    return Domain(*domain), findings


async def start(service: Service, orders: Orders) -> None:
    """As a service's bootstrap does it."""
    settings = orders.settings
    domain, findings = topics(orders.suffix)
    codec = await open_codec(service, settings, (*domain, findings))
    store = BodyStore(
        StoreSettings(endpoint_url=orders.store, access_key_id=LOCAL_SECRET, secret_access_key=LOCAL_SECRET),
        read_s=LONGEST_S,
    )
    machine = PromptMachine(f"prompts.{orders.suffix}", domain, findings, store)
    service.spawn(run_machine(machine, codec, settings.kafka, service, probe=Trap(orders)))


if __name__ == "__main__":
    given = Orders.model_validate_json(sys.argv[1])
    run("prompts", given.settings, lambda service: start(service, given))
