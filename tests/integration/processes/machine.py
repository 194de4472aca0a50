"""A machine of resources in a process of its own: `python -m tests.integration.processes.machine ORDERS`."""

import sys

from headrace.machine import run_machine
from headrace.resource.machine import ResourceMachine
from headrace.service import Service, open_codec, run
from headrace.topics import PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE, Topic
from tests.integration.processes import Orders, Trap
from tests.support.topics import renamed


def topics(suffix: str) -> tuple[Topic, Topic, Topic]:
    """Commands, log and state."""
    commands, log, state = renamed(suffix, PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE)
    return commands, log, state


def machine(suffix: str) -> ResourceMachine:
    """Every spec will do."""
    return ResourceMachine(f"machine.{suffix}", topics(suffix), lambda kind, spec: [])


async def start(service: Service, orders: Orders) -> None:
    """As a service's bootstrap does it."""
    settings = orders.settings
    codec = await open_codec(service, settings, topics(orders.suffix))
    service.spawn(run_machine(machine(orders.suffix), codec, settings.kafka, service, probe=Trap(orders)))


if __name__ == "__main__":
    given = Orders.model_validate_json(sys.argv[1])
    run("machine", given.settings, lambda service: start(service, given))
