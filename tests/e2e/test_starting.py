"""The same run id again: nothing is started, and whoever asks gets the first run's result."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Collection
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from headrace.client import Client
from headrace.events.run import RunCompleted, RunFailed, RunStarted, StartRun
from headrace.kafka import partition_of
from headrace.seen import Seen
from headrace.starting import Begun, begun, result_of
from headrace.topics import RUN_EVENTS, RUN_RESULTS, Topic
from tests.conftest import Stack
from tests.e2e.commands import Run
from tests.e2e.installation import WAIT_S, Installation
from tests.support.names import unique

WORKFLOW = """\
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  input:
    type: object
    properties: {{ text: {{ type: string }}, ms: {{ type: integer, default: 1 }} }}
    required: [text]
  nodes:
    pause: {{ type: delay, input: {{ ms: input.ms }} }}
    loud:
      type: template
      config: {{ templates: {{ text: "{{{{ text | upper }}}}" }} }}
      input: {{ text: input.text }}
  edges:
    - {{ from: pause, to: loud }}
  output: {{ text: nodes.loud.output.text }}
"""
SLOW_MS = 4_000


class Reading(Client):
    """A client that remembers which topics it read from their beginnings."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.looked_at: list[str] = []

    async def read(
        self, *topics: Topic, keys: Collection[str] | None = None, since: int = 0
    ) -> AsyncGenerator[Seen, None]:
        self.looked_at += [topic.name for topic in topics]
        async for seen in super().read(*topics, keys=keys, since=since):
            yield seen


@pytest.fixture
async def workflow(installation: Installation) -> str:
    name = unique("loud")
    await installation.deploy(WORKFLOW.format(name=name))
    return name


def asking(workflow: str, text: str = "one", **fields: Any) -> StartRun:
    return StartRun(workflow=workflow, input=json.dumps({"text": text, **fields}))


async def start(client: Client, run_id: str, request: StartRun) -> Begun:
    async with client.follow(RUN_EVENTS, key=run_id) as records:
        sent = await client.start_run(request, run_id)
        return await begun(client, run_id, sent, records, WAIT_S)


def text_of(result: object) -> str:
    assert isinstance(result, RunCompleted), result
    return str(json.loads(result.output)["text"])


async def test_a_new_run_is_ones_own_and_nothing_is_looked_up(stack: Stack, workflow: str) -> None:
    run_id = unique("run")
    async with Reading.connect(stack.kafka, stack.registry_url) as client:
        known = await start(client, run_id, asking(workflow))
        assert (known.earlier, client.looked_at) == (False, [])
        assert isinstance(known.first.event, RunStarted)
        assert text_of(await result_of(client, run_id, WAIT_S)) == "ONE"


async def test_a_run_that_has_ended_is_found_and_tells_who_asked_for_it(
    installation: Installation, workflow: str
) -> None:
    run_id = await installation.start(workflow, {"text": "one"})
    await installation.result(run_id)
    began = time.monotonic()
    known = await start(installation.client, run_id, asking(workflow, "two"))
    assert (known.earlier, json.loads(known.first.event.input)["text"]) == (True, "one")  # type: ignore[union-attr]
    assert time.monotonic() - began < WAIT_S / 3
    assert text_of(await installation.result(run_id)) == "ONE"


async def test_a_run_that_was_refused_stays_so(installation: Installation, workflow: str) -> None:
    run_id = await installation.start(workflow)
    assert isinstance(await installation.result(run_id), RunFailed)
    known = await start(installation.client, run_id, asking(workflow))
    assert (known.earlier, type(known.first.event)) == (True, RunFailed)


async def test_a_run_that_still_goes_is_waited_for(installation: Installation, headrace: Run, workflow: str) -> None:
    run_id = await installation.start(workflow, {"text": "one", "ms": SLOW_MS})
    async with installation.client.follow(RUN_EVENTS, key=run_id, since=0) as records:
        await anext(records)
    again = await asyncio.to_thread(headrace, "run", "start", workflow, "-i", '{"text": "one"}', "--id", run_id)
    assert (again.returncode, '"text": "ONE"' in again.stdout) == (0, True), again.stderr
    assert f"run {run_id} exists since" in again.stderr
    assert f'its input is {{"ms":{SLOW_MS},"text":"one"}}, not {{"text": "one"}}' in again.stderr or (
        f'its input is {{"text":"one","ms":{SLOW_MS}}}, not {{"text": "one"}}' in again.stderr
    )


async def test_two_who_ask_at_once_get_one_run_and_one_result(installation: Installation, workflow: str) -> None:
    run_id = unique("run")
    texts = ("one", "two", "three")
    known = await asyncio.gather(*(start(installation.client, run_id, asking(workflow, text)) for text in texts))
    (own,) = [text for text, one in zip(texts, known, strict=True) if not one.earlier]
    assert {one.first.place for one in known} == {known[0].first.place}
    results = await asyncio.gather(*(installation.result(run_id) for _ in texts))
    assert {text_of(one) for one in results} == {own.upper()}
    assert len([one for one in await installation.events(run_id) if isinstance(one, RunStarted)]) == 1


def test_the_command_line_gives_the_first_result_and_warns_of_what_differs(headrace: Run, workflow: str) -> None:
    run_id = unique("run")
    first = headrace("run", "start", workflow, "-i", '{"text": "one"}', "--id", run_id)
    assert (first.returncode, first.stderr) == (0, "")
    same = headrace("run", "start", workflow, "-i", '{"text": "one", "ms": 1}', "--id", run_id)
    assert (same.returncode, '"text": "ONE"' in same.stdout) == (0, True)
    assert "nothing was started now" in same.stderr
    assert "warning" not in same.stderr
    other = headrace("run", "start", workflow, "-i", '{"text": "two"}', "--id", run_id)
    assert (other.returncode, '"text": "ONE"' in other.stdout) == (0, True)
    assert "warning: the earlier run was asked for something else, which holds: its input is" in other.stderr


async def test_when_the_result_has_expired_the_log_still_tells(
    stack: Stack, installation: Installation, headrace: Run, workflow: str
) -> None:
    # given a run whose result is not kept any more
    run_id = await installation.start(workflow, {"text": "one"})
    await installation.result(run_id)
    home = partition_of(run_id.encode(), stack.kafka.partitions)
    admin = AdminClient({"bootstrap.servers": stack.env["KAFKA_BOOTSTRAP_SERVERS"]})
    for deleted in admin.delete_records([TopicPartition(RUN_RESULTS.name, home, -1)]).values():
        await asyncio.to_thread(deleted.result)
    assert await installation.client.read_all(RUN_RESULTS, key=run_id) == []

    # then whoever asks again gets it all the same
    assert text_of(await installation.result(run_id)) == "ONE"
    assert (await start(installation.client, run_id, asking(workflow))).earlier
    again = await asyncio.to_thread(headrace, "run", "start", workflow, "-i", '{"text": "one"}', "--id", run_id)
    assert (again.returncode, '"text": "ONE"' in again.stdout) == (0, True), again.stderr
