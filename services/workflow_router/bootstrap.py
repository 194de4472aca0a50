"""Where the router's parts meet."""

from headrace.machine import run_machine
from headrace.resource import specs
from headrace.resource.catalog import Catalog
from headrace.resource.machine import ResourceMachine
from headrace.service import Service, open_codec, open_table
from headrace.settings import ServiceSettings
from headrace.topics import (
    CONTROL_POSITIONS,
    MODEL_STATE,
    NODE_REQUESTS,
    NODE_STOPS,
    PROMPT_STATE,
    RUN_EVENTS,
    RUN_RESULTS,
    RUN_STATE,
    WORKFLOW_COMMANDS,
    WORKFLOW_EVENTS,
    WORKFLOW_STATE,
)
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine

TABLES = (PROMPT_STATE, MODEL_STATE, WORKFLOW_STATE)
WORKFLOWS = (WORKFLOW_COMMANDS, WORKFLOW_EVENTS, WORKFLOW_STATE)
RUNS = (*RunMachine.inputs, RUN_EVENTS, RUN_RESULTS, RUN_STATE, NODE_STOPS, *NODE_REQUESTS.values())


async def start(service: Service, settings: ServiceSettings) -> None:
    """Two machines: definitions of workflows, and runs."""
    codec = await open_codec(service, settings, (*TABLES, *WORKFLOWS, *RUNS, CONTROL_POSITIONS))
    tables = [open_table(service, settings, codec, topic) for topic in TABLES]
    prompts, models, workflows = (table.entries for table in tables)
    catalog = Catalog({"Prompt": prompts, "Model": models, "ModelAlias": models, "Workflow": workflows})
    definitions = ResourceMachine(
        "workflow_router.workflows", WORKFLOWS, lambda kind, spec: specs.check(kind, spec, ("Workflow",))
    )
    runs = RunMachine(CatalogWorkflows(catalog))
    service.spawn(run_machine(definitions, codec, settings.kafka, service))
    service.spawn(run_machine(runs, codec, settings.kafka, service, tables=tables))
