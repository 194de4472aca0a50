"""The main job: a question, the documentation, a real language model, and an answer with its proof."""

import json
from decimal import Decimal

import asyncpg

from headrace.apply import apply, await_readers
from headrace.events.run import NodeSucceeded, RunCompleted, RunStarted
from headrace.resource.documents import read_documents
from headrace.resource.files import load
from tests.conftest import TOP_LEVEL, Stack
from tests.e2e.installation import WAIT_S, Installation
from tests.support.waiting import until_equal

EXAMPLE = TOP_LEVEL / "examples" / "ask-the-docs"
INPUT_PER_1K, OUTPUT_PER_1K = Decimal("0.00002"), Decimal("0.00006")
"""As examples/ask-the-docs/models.yaml has them."""


async def deploy_example(installation: Installation) -> None:
    loaded = load([EXAMPLE])
    assert not loaded.faults
    (documents,) = [read_documents(one, "test") for one in loaded.resources if one.kind == "DocumentSet"]
    assert not documents.faults
    resources = [one for one in loaded.resources if one.kind != "DocumentSet"]
    outcomes = [
        one
        async for one in apply(
            installation.client,
            resources,
            documents.commands,
            pointer="production",
            actor="test",
            reason="test",
            timeout_s=WAIT_S,
        )
    ]
    assert not [one for one in outcomes if one.outcome == "refused"]
    await await_readers(installation.client, resources, WAIT_S)


async def test_a_question_is_answered_from_the_documentation(installation: Installation, stack: Stack) -> None:
    await deploy_example(installation)
    run_id = await installation.start("ask-the-docs", {"question": "Which service calls the language model?"})
    result = await installation.result(run_id)
    events = await installation.events(run_id)

    assert isinstance(result, RunCompleted), result
    output = json.loads(result.output)
    assert "model_invoke" in output["answer"]
    assert "docs/concepts.md" in {document["document"] for document in output["documents"]}

    started = events[0]
    assert isinstance(started, RunStarted)
    assert {pin.kind for pin in started.pins} == {"Workflow", "Prompt", "ModelAlias", "Model"}

    search, answer = (event for event in events if isinstance(event, NodeSucceeded))
    assert search.usage
    assert answer.usage
    expected = (answer.usage.input_tokens * INPUT_PER_1K + answer.usage.output_tokens * OUTPUT_PER_1K) / 1000
    assert answer.usage.input_tokens > 100
    assert answer.usage.output_tokens > 3
    assert Decimal(answer.usage.cost) == expected
    assert Decimal(result.usage.cost) == expected
    assert result.usage.output_tokens == answer.usage.output_tokens

    await until_equal(lambda: projected(stack, run_id), [("completed", expected)])


async def projected(stack: Stack, run_id: str) -> list[tuple[str, Decimal]]:
    """What the projector has made of a run."""
    connection = await asyncpg.connect(stack.env["DATABASE_URL"])
    try:
        rows = await connection.fetch("select status, cost from runs where run = $1", run_id)
    finally:
        await connection.close()
    return [(row["status"], row["cost"]) for row in rows]
