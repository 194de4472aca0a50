"""The walk through prompts and models from outside: every change is a command that a stock client produces, and its
outcome is read from the topic of events.
"""

import json
from typing import Any

import pytest

from tests.e2e.outsider import Outsider, Record
from tests.support.names import unique

LIMITS = {"context_window": 4096, "max_output_tokens": 32, "timeout_ms": 60000}
PRICE = {"currency": "USD", "input_per_1k": "0.001", "output_per_1k": "0.002"}
NOBODY = "http://127.0.0.1:9/v1"
"""Where no provider listens."""
MOST_TRIES = 20
"""Runs until the worker knows a new budget: it follows the topic of budgets."""


class Walker:
    """One outside program and the names that it has given."""

    def __init__(self, outsider: Outsider) -> None:
        self._outsider = outsider
        self.names = {kind: unique(kind.lower()) for kind in ("Prompt", "First", "Second", "ModelAlias", "Budget")}

    def ask(self, domain: str, what: str, command: str, **fields: Any) -> Record:
        """Produce a command; what it led to, found by its place as the cause."""
        name = self.names[what]
        place = self._outsider.produce(f"{domain}.commands", f"headrace.resource.{command}", fields, name)
        return self._outsider.await_answer(f"{domain}.events", ce_causationid=place)

    def create(self, domain: str, what: str, kind: str, spec: dict[str, Any]) -> int:
        """The version that was made; no pointer moves."""
        made = self.ask(domain, what, "CreateVersion", kind=kind, spec=json.dumps(spec))
        assert made.name == "headrace.resource.VersionCreated", made.fields
        return int(made.fields["version"])

    def move(self, domain: str, what: str, version: int, **fields: Any) -> tuple[int | None, int]:
        """From where to where the pointer production went."""
        moved = self.ask(domain, what, "MovePointer", pointer="production", version=version, actor="outsider", **fields)
        assert moved.name == "headrace.resource.PointerMoved", moved.fields
        return moved.fields["previous"], moved.fields["version"]

    def run(self, workflow: str) -> Record:
        """How a run ended."""
        run_id = unique("walk")
        self._outsider.start(run_id, workflow, text="A prompt is a versioned resource.")
        return self._outsider.await_record("run.results", run_id)

    def called(self, result: Record) -> list[tuple[str, str]]:
        """Who was asked in a run, and what became of it, from the run's log."""
        assert result.key is not None
        events = self._outsider.read("run.events", result.key.decode())
        calls = [call for event in events for call in event.fields.get("calls", ())]
        return [(call["provider"].partition("@")[0], call["outcome"]) for call in calls]


@pytest.fixture
def walker(outsider: Outsider) -> Walker:
    return Walker(outsider)


def model(**fields: Any) -> dict[str, Any]:
    return {"provider": "openai", "limits": LIMITS, "costs": PRICE, **fields}


def test_prompts_models_and_budgets_are_changed_by_commands_alone(walker: Walker, outsider: Outsider) -> None:
    names = walker.names
    variables = {"text": {"schema": {"type": "string"}}}
    parameters = {"max_output_tokens": 8}
    for number, text in enumerate(("Repeat: {{ text }}", "Say again: {{ text }}"), 1):
        spec = {"text": text, "variables": variables, "parameters": parameters}
        assert walker.create("prompt", "Prompt", "Prompt", spec) == number
    away, local = (
        model(endpoint={"url": NOBODY}, model="m"),
        model(endpoint={"env": "MODEL_BASE_URL"}, model="qwen2.5-coder-0.5b-instruct"),
    )
    for what, spec in (("First", away), ("Second", local)):
        walker.create("model", what, "Model", spec)
        walker.move("model", what, 1)
    for order in (["First", "Second"], ["Second", "First"]):
        one, other = (names[what] for what in order)
        walker.create("model", "ModelAlias", "ModelAlias", {"model": one, "fallbacks": [other]})

    # a version is moved to and rolled back, and so is what stands behind an alias
    assert walker.move("prompt", "Prompt", 1) == (None, 1)
    assert walker.move("prompt", "Prompt", 2, expected=1, reason="shorter") == (1, 2)
    assert walker.move("prompt", "Prompt", 1, expected=2, reason="too short") == (2, 1)
    assert walker.move("model", "ModelAlias", 2) == (None, 2)
    assert walker.move("model", "ModelAlias", 1, expected=2) == (2, 1)

    # the first provider is away, and the second answers
    node = {"type": "model_invoke", "config": {"prompt": names["Prompt"], "model": names["ModelAlias"]}}
    workflow = unique("summarize")
    nodes = {"write": {**node, "input": {"text": "input.text"}}}
    outsider.deploy(workflow, {"nodes": nodes, "output": {"text": "nodes.write.output.text"}})
    done = walker.run(workflow)
    assert done.name == "headrace.run.RunCompleted", done.fields
    assert walker.called(done)[-1] == (names["Second"], "ok")
    assert (names["First"], "provider_unavailable") in walker.called(done)

    # a budget that is too small for any call
    budget = {"scope": {"workflow": workflow}, "period": "total", "limit": "0.000001", "currency": "USD"}
    walker.create("budget", "Budget", "Budget", budget)
    walker.move("budget", "Budget", 1)
    refused = next(end for _ in range(MOST_TRIES) if (end := walker.run(workflow)).name == "headrace.run.RunFailed")
    assert "budget_exceeded" in refused.fields["message"]
    assert names["Budget"] in refused.fields["message"]
