"""A worker that calls a provider, in a process of its own: `python -m tests.integration.processes.worker ORDERS`."""

import json
import sys
from typing import Any

import httpx

from headrace.events.node import ExecuteNode
from headrace.journal import Journal
from headrace.service import Service, open_codec, run
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, Topic
from headrace.worker import Done, NodeJob, Worker, run_worker
from tests.integration import processes
from tests.integration.processes import Trap
from tests.support.topics import renamed


class Orders(processes.Orders):
    """provider: a URL. dsn: of the journal's database. repeat: what to do with a call that may have been made."""

    provider: str
    dsn: str
    repeat: bool = True


class CallJob(NodeJob[dict[str, Any]]):
    """Calls the provider with its input; an input may ask for a bug in one of the job's parts."""

    def __init__(self, http: httpx.AsyncClient, url: str, repeat: bool) -> None:
        self._http = http
        self._url = url
        self._repeat = repeat

    def plan(self, request: ExecuteNode) -> dict[str, Any]:
        """The input."""
        call: dict[str, Any] = json.loads(request.input)
        _break(call, "plan")
        return call

    async def perform(self, call: dict[str, Any]) -> Any:
        """What the provider says."""
        answer = await self._http.post(self._url, json=call)
        _break(call, "perform")
        return answer.json()

    def interpret(self, call: dict[str, Any], answer: Any) -> Done:
        """As it is."""
        _break(call, "interpret")
        return Done(answer)

    def repeat_ambiguous(self, call: dict[str, Any]) -> bool:
        """As ordered."""
        return self._repeat


def _break(call: dict[str, Any], part: str) -> None:
    if call.get("bug") == part:
        raise KeyError(part)


def topics(suffix: str) -> tuple[Topic, Topic]:
    """Requests and outcomes."""
    requests, outcomes = renamed(suffix, NODE_REQUESTS["model_invoke"], NODE_OUTCOMES)
    return requests, outcomes


async def start(service: Service, orders: Orders) -> None:
    """As a service's bootstrap does it."""
    settings = orders.settings
    requests, outcomes = topics(orders.suffix)
    codec = await open_codec(service, settings, (requests, outcomes))
    journal = Journal(orders.dsn)
    service.on_stop(journal.close)
    service.spawn(journal.hold(service.stopping))
    http = httpx.AsyncClient(timeout=None)
    service.on_stop(http.aclose)
    job = CallJob(http, orders.provider, orders.repeat)
    worker = Worker(f"worker.{orders.suffix}", requests, outcomes, job, journal=journal)
    service.spawn(run_worker(worker, codec, settings.kafka, service, probe=Trap(orders)))


if __name__ == "__main__":
    given = Orders.model_validate_json(sys.argv[1])
    run("worker", given.settings, lambda service: start(service, given))
