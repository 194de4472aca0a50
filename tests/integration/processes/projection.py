"""A projection in a process of its own, which a signal stops at the point that a test names.

Beside the projector's tables it keeps a tally of each key's records, in which a record that is missing, there twice or
out of order can't hide: the projector's own rows would be the same if a record were written twice.

    python -m tests.integration.processes.projection '{"suffix": …, "dsn": …, "registry_url": …, "kafka": …}'
"""

import sys
from collections.abc import Iterator

from headrace.event import Event
from headrace.projection import Origin, Projection, Row, run_projection
from headrace.service import Service, open_codec, run
from headrace.topics import PROMPT_EVENTS, RUN_EVENTS, Topic
from projector import core
from projector.bootstrap import QUERIES
from tests.integration import processes
from tests.support.topics import renamed

TALLY = {
    "schema": "create table if not exists tally"
    " (key text primary key check (key <> 'unwanted'), records bigint not null, digest text not null);",
    "drop": "drop table if exists tally;",
    "tally": "insert into tally values ($1, 1, md5($2)) on conflict (key) do update"
    " set records = tally.records + 1, digest = md5(tally.digest || $2)",
}
TABLES = ("runs", "run_nodes", "resource_changes", "tally")
POINTS = ("after_poll", "buried", "begun", "positions", *TABLES, "before_commit", "after_commit")


class Orders(processes.Orders):
    """What the test wants, and the database."""

    dsn: str


def topics(suffix: str) -> tuple[Topic, Topic]:
    """A test's own topics, of the kinds that the projector reads."""
    runs, prompts = renamed(suffix, RUN_EVENTS, PROMPT_EVENTS)
    return runs, prompts


def projection(suffix: str) -> Projection:
    """The projector's rows, and the tally."""
    queries = {name: "\n".join((QUERIES.get(name, ""), TALLY.get(name, ""))) for name in (*QUERIES, "tally")}
    return Projection(f"projection.{suffix}", topics(suffix), queries, _rows)


def _rows(event: Event, origin: Origin) -> Iterator[Row]:
    yield from core.rows(event, origin)
    yield Row("tally", (origin.key, str(origin.offset)))


async def start(service: Service, orders: Orders) -> None:
    """The projector's bootstrap, but for the topics and the trap."""
    settings, trap = orders.settings, processes.Trap(orders)
    codec = await open_codec(service, settings, topics(orders.suffix))
    service.spawn(run_projection(projection(orders.suffix), codec, settings.kafka, service, orders.dsn, probe=trap))


if __name__ == "__main__":
    given = Orders.model_validate_json(sys.argv[1])
    run("projection", given.settings, lambda service: start(service, given))
