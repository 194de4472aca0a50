"""A worker of model_invoke nodes in a process of its own: `python -m tests.integration.processes.caller ORDERS`."""

import sys

from headrace.service import Service, run
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, Topic
from model_invoke.bootstrap import start
from model_invoke.settings import ModelInvokeSettings
from tests.integration import processes
from tests.support.topics import renamed


class Orders(processes.Orders):
    """dsn: of the database of its journal and ledger. open_s: how long its circuit breakers stay open."""

    dsn: str
    concurrency: int = 16
    open_s: float = 60.0

    @property
    def settings(self) -> ModelInvokeSettings:
        """Of the service."""
        return ModelInvokeSettings(
            **self.common, database_url=self.dsn, concurrency=self.concurrency, breaker_open_s=self.open_s
        )


def topics(suffix: str) -> tuple[Topic, Topic]:
    """Requests and outcomes."""
    requests, outcomes = renamed(suffix, NODE_REQUESTS["model_invoke"], NODE_OUTCOMES)
    return requests, outcomes


async def serve(service: Service, orders: Orders) -> None:
    """As the service does it, on topics of a test's own."""
    requests, outcomes = topics(orders.suffix)
    await start(service, orders.settings, {}, requests, outcomes)


if __name__ == "__main__":
    given = Orders.model_validate_json(sys.argv[1])
    run(f"caller.{given.suffix}", given.settings, lambda service: serve(service, given))
