"""Workers that call models in processes of their own, a provider that misbehaves, and a router's requests to them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from headrace.codec import Codec
from headrace.event import Event
from headrace.events.model import ModelCalled, ModelHealthChanged
from headrace.events.node import ExecuteNode, NodeFailed, NodeSucceeded, StopRun
from headrace.events.run import TokensStreamed
from headrace.topics import CONTROL_POSITIONS, MODEL_CALLS, MODEL_HEALTH, NODE_STOPS, RUN_TOKENS
from tests.conftest import Stack
from tests.integration.processes import Processes, Started, processes
from tests.integration.processes import caller as process
from tests.providers.loopback import Loopback, loopback
from tests.support import names, topics
from tests.support.databases import database
from tests.support.waiting import until

Outcome = NodeSucceeded | NodeFailed
PROMPT = {"messages": [{"role": "user", "template": "What does Headrace do?"}]}

LIMITS = {"context_window": 1_000, "max_output_tokens": 100, "timeout_ms": 20_000}


@dataclass
class World:
    """One group of workers, and what is asked of them. Its models have names that no other test has."""

    stack: Stack
    codec: Codec
    router: AIOKafkaProducer
    processes: Processes
    provider: Loopback
    dsn: str
    suffix: str
    _reading: "asyncio.Task[Mapping[str, Sequence[Event]]] | None" = None

    async def start(self, instance: str = "one", **orders: object) -> Started:
        """A worker that is ready to work."""
        name = f"{instance}-{self.suffix}"
        given = process.Orders.of(self.stack, self.suffix, instance=name, dsn=self.dsn, **orders)
        started = await self.processes.start("caller", given)
        await started.says("partitions assigned")
        return started

    def model(self, name: str, **spec: Any) -> dict[str, Any]:
        """A model as the router pins it."""
        known = {
            "provider": "openai",
            "endpoint": {"url": self.provider.url},
            "model": name,
            "capabilities": ["streaming"],
            "limits": LIMITS,
            "costs": {"currency": "EUR", "input_per_1k": 1, "output_per_1k": 2},
        }
        return {"name": f"{name}-{self.suffix}", "version": 1, "digest": name, "spec": {**known, **spec}}

    async def ask(self, run: str, *models: Mapping[str, Any], partition: int = 0, **config: Any) -> str:
        """A request of the router; the id of its run."""
        first, *fallbacks = models
        prompt = {"name": "p", "version": 1, "digest": "d", "spec": PROMPT}
        event = ExecuteNode(
            run=f"{run}-{self.suffix}",
            workflow="w@1",
            node="n",
            type="model_invoke",
            config=json.dumps({"prompt": prompt, "model": first, "fallbacks": fallbacks, **config}),
            input="{}",
        )
        requests, _ = process.topics(self.suffix)
        value, key = self.codec.encode(requests, event), event.run.encode()
        await self.router.send_and_wait(requests.name, value, key, partition=partition)
        return event.run

    async def stop(self, run: str, partition: int = 0) -> None:
        """What the router says when a run ends while workers are busy with it."""
        value = self.codec.encode(NODE_STOPS, StopRun(reason="cancelled"))
        await self.router.send_and_wait(NODE_STOPS.name, value, run.encode(), partition=partition)

    async def outcomes(self, runs: Sequence[str]) -> Mapping[str, Outcome]:
        """What became of these runs' nodes, as soon as all have ended."""

        async def look() -> Mapping[str, Outcome] | None:
            found = await self._all_outcomes()
            ended = {run: found[run][-1] for run in runs if run in found}
            assert all(isinstance(outcome, Outcome) for outcome in ended.values())
            return ended if len(ended) == len(runs) else None  # type: ignore[return-value]

        ended = await until(look, 120)
        assert ended
        return ended

    async def _all_outcomes(self) -> Mapping[str, Sequence[Event]]:
        """Read once for all who wait."""
        _, outcomes = process.topics(self.suffix)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(topics.events(self.stack.kafka, self.codec, outcomes))
        return await asyncio.shield(self._reading)

    async def outcome(self, run: str) -> Outcome:
        """What became of one."""
        return (await self.outcomes([run]))[run]

    async def health(self, model: str) -> Sequence[ModelHealthChanged]:
        """Every change of a model's breaker."""
        key = f"{model}-{self.suffix}@1"
        found = await topics.events(self.stack.kafka, self.codec, MODEL_HEALTH, key)
        return [event for event in found.get(key, ()) if isinstance(event, ModelHealthChanged)]

    async def calls(self, model: str) -> Sequence[ModelCalled]:
        """Every call of a model that was told of."""
        key = f"{model}-{self.suffix}"
        found = await topics.events(self.stack.kafka, self.codec, MODEL_CALLS, key)
        return [event for event in found.get(key, ()) if isinstance(event, ModelCalled)]

    async def tokens(self, run: str) -> Sequence[TokensStreamed]:
        """What a reader of a run's tokens saw."""
        found = await topics.events(self.stack.kafka, self.codec, RUN_TOKENS, run)
        return [event for event in found.get(run, ()) if isinstance(event, TokensStreamed)]


def output(outcome: Event) -> Any:
    """The output of a node that ended well."""
    assert isinstance(outcome, NodeSucceeded), outcome
    return json.loads(outcome.output)


@asynccontextmanager
async def calling_world(stack: Stack, folder: Path) -> AsyncIterator[World]:
    """For the length of a test."""
    suffix = names.suffix()
    told = (MODEL_CALLS, MODEL_HEALTH, RUN_TOKENS, NODE_STOPS, CONTROL_POSITIONS)
    async with (
        topics.own(stack, process.topics(suffix), *told) as codec,
        topics.producer(stack.kafka) as router,
        database(stack.env["DATABASE_URL"]) as dsn,
        loopback() as provider,
        processes(folder) as started,
    ):
        yield World(stack, codec, router, started, provider, dsn, suffix)


async def all_ask(world: World, runs: int, *models: Mapping[str, Any]) -> Sequence[str]:
    """So many runs at once, over both partitions."""
    return await asyncio.gather(*(world.ask(f"run-{number}", *models, partition=number % 2) for number in range(runs)))
