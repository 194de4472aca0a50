"""Where the parts meet."""

from pathlib import Path

import structlog

from headrace.logs import configure_logs
from headrace.projection import Projection, run_projection, start_over
from headrace.service import Service, open_codec
from headrace.sql import load_queries
from headrace.topics import BUDGET_EVENTS, MODEL_EVENTS, PROMPT_EVENTS, RUN_EVENTS, WORKFLOW_EVENTS
from projector import core
from projector.settings import ProjectorSettings

TOPICS = (RUN_EVENTS, PROMPT_EVENTS, MODEL_EVENTS, WORKFLOW_EVENTS, BUDGET_EVENTS)
QUERIES = load_queries(Path(__file__).with_name("queries.sql"))
PROJECTION = Projection("projector", TOPICS, QUERIES, core.rows)

_log = structlog.get_logger(__name__)


async def start(service: Service, settings: ProjectorSettings) -> None:
    """One projection."""
    codec = await open_codec(service, settings, TOPICS)
    service.spawn(run_projection(PROJECTION, codec, settings.kafka, service, settings.database_url))


async def rebuild(settings: ProjectorSettings) -> None:
    """Drop all rows and positions, in one transaction.

    A projector that runs finds its positions gone within seconds and reads the log again from its beginning; else the
    next one to start does. Raises DatabaseUnavailable.
    """
    configure_logs(settings.log_level)
    await start_over(PROJECTION, settings.database_url)
    _log.info("rows dropped; a running projector, or the next one to start, makes them again from the log")
