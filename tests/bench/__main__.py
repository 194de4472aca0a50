"""Measure the engine beside the raw floor: `python -m tests.bench` prints a table and writes .bench/latest.json.

Everything runs on this machine, in one run: the broker, the services, the floor's two processes, and the client. Engine
and floor take turns, so that a noisy machine meets both.
"""

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.events import resource, run
from headrace.kafka import KafkaSettings, create_topics
from headrace.stack import control
from headrace.stack.home import Home, Running
from headrace.stack.parts import SERVICES
from headrace.topics import RUN_REQUESTS, RUN_RESULTS, WORKFLOW_COMMANDS, WORKFLOW_EVENTS
from tests.bench import floor, rollback
from tests.bench.load import Load

PARTS = ("kafka", "registry", "postgres", "embedding", *SERVICES)
RESULTS = Path(".bench/latest.json")
ROUNDS = 3
SINGLE_JOBS = 60
WARM_JOBS = 2_000
"""The broker's just-in-time compiler needs them."""
LOADED_JOBS = 600
AT_ONCE = 100
PAYLOAD = "x" * 4096
LONG_JOBS, LONG_AT_ONCE, LONG_NODES = 40, 20, 50
"""Short and long runs do the same number of steps, with the same number of runs, and so of steps, under way."""


def chain(nodes: int, payload: bool) -> str:
    """A workflow of template nodes that follow each other; each passes on a value, or 4 KB of text."""
    names = [f"n{number}" for number in range(nodes)]
    value = "input.payload" if payload else "input.value"
    spec = {
        "input": {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]},
        "nodes": {
            name: {
                "type": "template",
                "config": {"expressions": {"value": value}},
                "input": _inputs(names, position, payload),
            }
            for position, name in enumerate(names)
        },
        "edges": [{"from": a, "to": b} for a, b in itertools.pairwise(names)],
        "output": {"value": f"size(nodes.{names[-1]}.output.value)"},
    }
    return json.dumps(spec)


def _inputs(names: list[str], position: int, payload: bool) -> dict[str, str]:
    source = "input.value" if position == 0 else f"nodes.{names[position - 1]}.output.value"
    return {"payload" if payload else "value": source}


WORKFLOWS = {
    "bench-5": chain(5, False),
    "bench-5-4k": chain(5, True),
    f"bench-{LONG_NODES}-4k": chain(LONG_NODES, True),
}


@dataclass(frozen=True)
class Lane:
    """One side of the comparison: seconds of single jobs, and jobs a second under load, by round."""

    singles: list[float]
    rates: list[float]

    @property
    def p50_ms(self) -> float:
        """Median of single jobs, milliseconds."""
        return statistics.median(self.singles) * 1000

    @property
    def p95_ms(self) -> float:
        """95th percentile of single jobs, milliseconds."""
        return statistics.quantiles(self.singles, n=20)[18] * 1000

    @property
    def steps_per_s(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.rates) * floor.HOPS


async def deploy(kafka: KafkaSettings, codec: Codec, names: dict[str, str]) -> None:
    """Create the workflows by producing commands; wait until each has its event."""

    def outcome(name: str) -> Load:
        command = resource.CreateVersion(kind="Workflow", spec=names[name], pointer="production", actor="benchmark")
        value = codec.encode(WORKFLOW_COMMANDS, command)
        return Load(kafka, WORKFLOW_COMMANDS.name, WORKFLOW_EVENTS.name, lambda: value, name)

    for name in names:
        async with outcome(name) as load:
            _, value = await load.one()
            event = codec.decode(WORKFLOW_EVENTS, value)
            if isinstance(event, resource.ChangeRefused):
                raise SystemExit(f"{name} was refused: {event.message}")


def runs(kafka: KafkaSettings, codec: Codec, workflow: str, value: str = "hello") -> Load:
    """A client that starts runs of a workflow."""
    request = run.StartRun(workflow=workflow, input=json.dumps({"value": value}))
    encoded = codec.encode(RUN_REQUESTS, request)
    return Load(kafka, RUN_REQUESTS.name, RUN_RESULTS.name, lambda: encoded)


async def compare(engine: Load, raw: Load) -> tuple[Lane, Lane]:
    """Both sides in turns."""
    lanes = (Lane([], []), Lane([], []))
    for side in (engine, raw):
        await side.in_flight(WARM_JOBS, AT_ONCE)
    for _ in range(ROUNDS):
        for lane, side in zip(lanes, (engine, raw), strict=True):
            lane.singles.extend(await side.one_at_a_time(SINGLE_JOBS))
        for lane, side in zip(lanes, (engine, raw), strict=True):
            lane.rates.append(LOADED_JOBS / await side.in_flight(LOADED_JOBS, AT_ONCE))
    return lanes


async def growth(kafka: KafkaSettings, codec: Codec) -> tuple[float, float]:
    """Milliseconds a step of a short and of a long run with 4 KB outputs, medians of rounds that take turns."""
    lengths = (5, LONG_NODES)
    times: dict[int, list[float]] = {length: [] for length in lengths}
    for round_number in range(ROUNDS + 1):
        for length in lengths:
            jobs = LONG_JOBS * LONG_NODES // length
            async with runs(kafka, codec, f"bench-{length}-4k", PAYLOAD) as load:
                seconds = await load.in_flight(jobs, LONG_AT_ONCE)
            if round_number:  # the first round warms up
                times[length].append(seconds * 1000 / (jobs * length))
    return statistics.median(times[5]), statistics.median(times[LONG_NODES])


@contextmanager
def floor_processes(env: dict[str, str]) -> Iterator[None]:
    """The floor's router and worker."""
    processes = [
        subprocess.Popen([sys.executable, "-m", "tests.bench.floor", role], env={**os.environ, **env})
        for role in ("router", "worker")
    ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)


async def measure(running: Running) -> dict[str, object]:
    """All figures."""
    kafka = KafkaSettings(KAFKA_BOOTSTRAP_SERVERS=running.env["KAFKA_BOOTSTRAP_SERVERS"])
    await create_topics(kafka, floor.TOPICS)
    async with SchemaRegistry(running.env["SCHEMA_REGISTRY_URL"]) as registry:
        codec = Codec(registry)
        await codec.register((RUN_REQUESTS, RUN_RESULTS, WORKFLOW_COMMANDS, WORKFLOW_EVENTS))
        await deploy(kafka, codec, WORKFLOWS)
        raw = Load(kafka, floor.REQUESTS.name, floor.RESULTS.name, floor.job)
        with floor_processes(running.env):
            async with runs(kafka, codec, "bench-5") as engine, raw:
                ours, bare = await compare(engine, raw)
        short, long = await growth(kafka, codec)
    switches = await rollback.milliseconds(kafka, running.env)
    return {
        "steps_per_s_100": round(ours.steps_per_s),
        "p50_ms": round(ours.p50_ms, 1),
        "p95_ms": round(ours.p95_ms, 1),
        "floor_steps_per_s_100": round(bare.steps_per_s),
        "floor_p50_ms": round(bare.p50_ms, 1),
        "p50_ratio": round(ours.p50_ms / bare.p50_ms, 2),
        "step_ms_5_nodes_4k": round(short, 3),
        "step_ms_50_nodes_4k": round(long, 3),
        "growth_ratio": round(long / short, 2),
        f"rollback_p50_ms_{rollback.ROUTERS}_routers": round(statistics.median(switches), 1),
        f"rollback_p99_ms_{rollback.ROUTERS}_routers": round(statistics.quantiles(switches, n=100)[98], 1),
        "rss_mb": {name: control.rss_mb(running.parts[name].pid) for name in SERVICES if name in running.parts},
    }


def show(figures: dict[str, object]) -> None:
    """The table."""
    table = Table("figure", "value", title="5 template nodes, one run at a time and 100 in flight")
    for name, value in figures.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for part, number in rows:
            table.add_row(f"{name} {part}".strip(), str(number))
    Console().print(table)


def main() -> None:
    """Start a stack of its own, measure, stop it."""
    control.install(PARTS, print)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        try:
            running = control.start(home, None, [part for part in PARTS if part not in sys.argv[1:]], lambda _: None)
            figures = asyncio.run(measure(running))
        finally:
            control.stop(home)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    show(figures)


if __name__ == "__main__":
    main()
