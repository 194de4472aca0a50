"""How a request becomes a run: given resources, when StartRun, then a run with everything pinned, or a refusal."""

import json
from typing import Any

import pytest

from headrace.event import Event
from headrace.events import run as events_of
from headrace.limits import GENESIS, LARGEST_PAYLOAD
from headrace.machine import Unreadable
from headrace.topics import RUN_RESULTS
from tests.unit.engine import NOW, Run, Shelf, a_run, at, graph, said
from workflow_router.core.start import LARGEST_LABELS
from workflow_router.model import NO_USAGE

SCHEMA = {
    "type": "object",
    "required": ["question"],
    "additionalProperties": False,
    "properties": {"question": {"type": "string"}, "tone": {"type": "string", "default": "plain"}},
}
ASK = {**graph("a b", a={"input": {"q": "input.question", "t": "input.tone"}}), "input": SCHEMA}


def refusal(events: list[Event]) -> events_of.RunFailed:
    (event,) = events
    assert isinstance(event, events_of.RunFailed)
    return event


def test_a_run_begins_with_its_request_as_it_was_understood() -> None:
    events = a_run(ASK).start({"question": "why"}, session="s", tenant="t", actor="ada", labels={"team": "blue"})
    started, scheduled = events
    assert isinstance(started, events_of.RunStarted)
    assert (started.seq, started.prev, started.at) == (0, GENESIS, NOW)
    assert started.workflow == "w@1"
    assert json.loads(started.input) == {"question": "why", "tone": "plain"}
    assert (started.session, started.tenant, started.actor) == ("s", "t", "ada")
    assert started.labels == {"team": "blue"}
    assert started.deadline == NOW + 600_000
    assert said([scheduled]) == ['scheduled a#1 {"q":"why","t":"plain"}']


@pytest.mark.parametrize(
    ("reference", "workflow"),
    [("w", "w@1"), ("w@production", "w@1"), ("w@2", "w@2"), ("w@v2", "w@2"), ("w@latest", "w@2")],
)
def test_a_reference_is_a_pointer_or_a_version(reference: str, workflow: str) -> None:
    shelf = Shelf()
    shelf.put("Workflow", "w", graph(a={}))
    shelf.put("Workflow", "w", graph(b={}), pointer=None)
    (started, *_) = a_run(shelf=shelf).start(workflow=reference)
    assert isinstance(started, events_of.RunStarted)
    assert started.workflow == workflow


MODEL = {
    "provider": "openai",
    "endpoint": {"env": "MODEL_BASE_URL"},
    "model": "m",
    "limits": {"context_window": 100, "max_output_tokens": 10},
    "costs": "free",
}


def a_shelf() -> Shelf:
    shelf = Shelf()
    shelf.put("Prompt", "greeting", {"messages": [{"role": "user", "template": "hi"}]})
    shelf.put("Prompt", "greeting", {"messages": [{"role": "user", "template": "hello"}]}, pointer=None)
    shelf.put("Model", "small", MODEL)
    shelf.put("ModelAlias", "writer", {"model": "small@1"})
    ask = {"type": "model_invoke", "config": {"prompt": "greeting", "model": "writer"}}
    newest = {"type": "model_invoke", "config": {"prompt": "greeting@latest", "model": "small"}}
    shelf.put("Workflow", "w", {**graph("a b", a=ask, b=newest)})
    return shelf


def test_everything_that_a_run_uses_is_pinned() -> None:
    (started, *_) = a_run(shelf=a_shelf()).start()
    assert isinstance(started, events_of.RunStarted)
    assert [(pin.kind, pin.ref, f"{pin.name}@{pin.version}") for pin in started.pins] == [
        ("Workflow", "w", "w@1"),
        ("Prompt", "greeting", "greeting@1"),
        ("ModelAlias", "writer", "writer@1"),
        ("Model", "small@1", "small@1"),
        ("Prompt", "greeting@latest", "greeting@2"),
        ("Model", "small", "small@1"),
    ]
    assert all(len(pin.digest) == 64 for pin in started.pins)


def config(run: Run, node: str) -> dict[str, Any]:
    works = [output.event for output in run.outputs]
    work = next(work for work in works if getattr(work, "node", None) == node)
    found: dict[str, Any] = json.loads(getattr(work, "config"))  # noqa: B009
    return found


def test_what_is_pinned_stays_when_pointers_move() -> None:
    shelf = a_shelf()
    run = a_run(shelf=shelf)
    run.start()
    shelf.put("Prompt", "greeting", {"messages": [{"role": "user", "template": "changed"}]})
    shelf.put("Model", "small", {**MODEL, "model": "changed"})
    shelf.put("ModelAlias", "writer", {"model": "small@2"})
    shelf.put("Workflow", "w", graph(other={}))
    assert said(run.succeed("a")) == ["succeeded a#1 b", "scheduled b#1 {}"]
    b = config(run, "b")
    assert (b["prompt"]["version"], b["prompt"]["spec"]["messages"][0]["template"]) == (2, "hello")
    assert (b["model"]["version"], b["model"]["spec"]["model"]) == (1, "m")


def test_a_worker_gets_the_model_behind_an_alias_and_the_alias_name() -> None:
    run = a_run(shelf=a_shelf())
    run.start()
    model = config(run, "a")["model"]
    assert model["alias"] == {"name": "writer", "version": 1}
    assert (model["name"], model["version"], model["spec"]["model"]) == ("small", 1, "m")


@pytest.mark.parametrize(
    ("workflow", "code", "hint"),
    [
        ("ww", "workflow_not_found", "did you mean w?"),
        ("elephant", "workflow_not_found", "known: w"),
        ("greeting", "workflow_not_found", "no Workflow is named 'greeting'"),
        ("w@7", "workflow_version_not_found", "w has versions 1 to 1"),
        ("w@staging", "workflow_pointer_not_found", "its pointers: production"),
        ("", "workflow_not_found", "'' is no reference"),
        ("w@", "workflow_not_found", "write name, name@7, name@production or name@latest"),
        ("@1", "workflow_not_found", "is no reference"),
        ("w@0", "workflow_not_found", "is no reference"),
        ("w@-1", "workflow_not_found", "is no reference"),
        ("w@٣", "workflow_not_found", "is no reference"),
        ("w/1", "workflow_not_found", "is no reference"),
        ("w@" + "9" * 5_000, "workflow_not_found", "is no reference"),
        ("w" * 1_000_000, "workflow_not_found", "is no reference"),
    ],
)
def test_a_workflow_that_does_not_exist(workflow: str, code: str, hint: str) -> None:
    event = refusal(a_run(shelf=a_shelf()).start(workflow=workflow))
    assert event.code == code
    assert hint in event.message
    assert len(event.message) + len(event.workflow) < 1_000


def test_the_first_workflow_is_asked_for_before_there_is_one() -> None:
    assert "none exists yet" in refusal(a_run().start()).message


def test_a_prompt_or_model_that_does_not_exist_refuses_the_run() -> None:
    shelf = Shelf()
    shelf.put("Workflow", "w", graph(a={"type": "model_invoke", "config": {"prompt": "no", "model": "none"}}))
    assert refusal(a_run(shelf=shelf).start()).code == "prompt_not_found"
    shelf.put("Prompt", "no", {"messages": [{"role": "user", "template": "hi"}]})
    assert refusal(a_run(shelf=shelf).start()).code == "model_not_found"
    shelf.put("ModelAlias", "none", {"model": "nothing"})
    assert refusal(a_run(shelf=shelf).start()).message == "no Model is named 'nothing' (none exists yet)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the input is not JSON"),
        ("{", "the input is not JSON"),
        ("[]", "the input is not a JSON object"),
        ("null", "the input is not a JSON object"),
        ("NaN", "the input is not JSON"),
        ('{"question": 1e999}', "the input is not JSON"),
        ('{"question": "\\ud800"}', "the input is not JSON"),
        ('{"question": ' + "9" * 5_000 + "}", "the input is not JSON"),
        ("[" * 200_000, "the input is not JSON"),
        ('{"question": "\\u0000"}', "U+0000"),
        ('{"question": 18446744073709551616}', "must fit into 64 bits"),
        ('{"question": [{"x": -9223372036854775809}]}', "must fit into 64 bits"),
        ('{"question": ' + "[" * 64 + "1" + "]" * 64 + "}", "nested more than 64 deep"),
        ("{}", 'input: "question" is a required property'),
        ('{"question": 1}', 'input.question: 1 is not of type "string"'),
        ('{"question": "", "x": 1}', "input: Additional properties are not allowed ('x' was unexpected)"),
        (json.dumps({"question": "x" * LARGEST_PAYLOAD}), f"at most {LARGEST_PAYLOAD} are allowed"),
    ],
)
def test_an_input_that_is_refused(text: str, reason: str) -> None:
    event = refusal(a_run(ASK).start(input=text))
    assert event.code == "input_invalid"
    assert reason in event.message


def test_several_faults_of_an_input_are_told_at_once() -> None:
    event = refusal(a_run(ASK).start({"tone": 1, "x": 2}))
    assert event.message.count("; ") == 2


def test_an_input_with_any_number_of_faults_is_refused_in_few_words() -> None:
    many = {**graph(a={}), "input": {"type": "object", "properties": {"l": {"items": {"type": "string"}}}}}
    assert len(refusal(a_run(many).start({"l": [1] * 100_000})).message) <= 2_000
    assert len(refusal(a_run(many).start({"l": [{"x": "y" * 100_000}] * 3})).message) <= 2_000


def test_an_input_that_outgrows_the_limit_when_it_is_written_out_is_refused() -> None:
    event = refusal(a_run(graph(a={})).start(input='{"l":[' + ",".join(["1e9"] * 90_000) + "]}"))
    assert event.code == "input_invalid"
    assert "with its defaults" in event.message


def test_a_default_in_the_schema_is_an_input_like_any_other() -> None:
    schema = {"type": "object", "properties": {"q": {"default": "x" * 200_000}}}
    event = refusal(a_run({**graph(a={}), "input": schema}).start({"p": "y" * 200_000}))
    assert "with its defaults" in event.message


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"labels": {"a": "x" * LARGEST_LABELS}}, "request_too_large"),
        ({"labels": {str(number): "" for number in range(20_000)}}, "request_too_large"),
        ({"session": "é" * (LARGEST_LABELS // 2), "tenant": "x"}, "request_too_large"),
        ({"tenant": "a\0"}, "request_invalid"),
        ({"labels": {"a\0": ""}}, "request_invalid"),
    ],
)
def test_what_a_run_carries_along_is_small(fields: dict[str, Any], code: str) -> None:
    assert refusal(a_run(ASK).start({"question": ""}, **fields)).code == code


def test_a_refusal_is_the_only_record_of_its_run_and_its_result() -> None:
    run = a_run(ASK)
    event = refusal(run.start())
    expected = events_of.RunFailed(
        seq=0,
        prev=GENESIS,
        workflow="w",
        started_at=NOW,
        finished_at=NOW,
        usage=NO_USAGE,
        code="input_invalid",
        message='input: "question" is a required property',
    )
    assert event == expected
    assert [(output.topic, output.event) for output in run.outputs] == [(RUN_RESULTS, expected)]
    assert said(run.start({"question": "now it is right"})) == []


@pytest.mark.parametrize("key", [b"a b", b"a/b", b"@position", b"x" * 201, b"\xff", "é".encode(), b"a\0"])
def test_a_key_that_is_no_run_id_is_refused_under_a_name_that_is_one(key: bytes) -> None:
    run = a_run(ASK)
    received = at(key)
    run.key = run.machine.key(received)
    assert run.key == "run.requests-0-7"
    event = refusal(run.receive(events_of.StartRun(workflow="w", input="{}"), received))
    assert event.code == "run_id_invalid"
    assert "1-200 characters" in event.message
    (result,) = run.outputs
    assert result.key == key, "the caller waits for its own key"


@pytest.mark.parametrize("key", [None, b""])
def test_a_request_without_a_key_is_named_after_its_place(key: bytes | None) -> None:
    run = a_run(ASK)
    received = at(key)
    run.key = run.machine.key(received)
    assert run.key == "run.requests-0-7"
    assert said(run.receive(events_of.StartRun(workflow="w", input='{"question":""}'), received))[0] == "started"


def test_a_request_that_can_not_be_read_is_answered() -> None:
    event = refusal(a_run(ASK).receive(Unreadable("the value is not in the Confluent wire format")))
    assert event.code == "request_unreadable"
    assert "Confluent wire format" in event.message


def test_the_same_request_twice_starts_one_run() -> None:
    run = a_run(ASK)
    run.start({"question": "why"})
    assert said(run.start({"question": "why"})) == []
    assert said(run.start({"question": "something else"})) == []


CLAIM = {"$claim": {"sha256": "0" * 64, "bytes": 300_000}}
ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "text"],
    "properties": {"id": {"type": "integer"}, "text": {"type": "string"}, "tags": {"type": "array", "maxItems": 2}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"id": 1, "text": CLAIM}, ""),
        ({"id": 1, "text": "a", "tags": CLAIM}, ""),
        ({"id": 1, "text": "a", "tags": [CLAIM]}, ""),
        ({"id": "one", "text": CLAIM}, 'input.id: "one" is not of type "integer"'),
        ({"text": CLAIM}, 'input: "id" is a required property'),
        ({"id": 1, "text": "a", "tags": [CLAIM, 1, 2]}, "input.tags: "),
        ({"id": 1, "text": "a", "more": CLAIM}, "('more' was unexpected)"),
    ],
)
def test_a_claim_stands_for_any_value_and_excuses_no_other(given: dict[str, Any], faults: str) -> None:
    spec = {**graph(a={}), "input": ORDER}
    first = a_run(spec).start(given)[0]
    assert isinstance(first, events_of.RunFailed if faults else events_of.RunStarted)
    assert faults in getattr(first, "message", "")


def test_a_claim_in_an_output_excuses_no_other_value_of_it() -> None:
    spec = graph(a={"output": {"properties": {"n": {"type": "integer"}, "text": {"type": "string"}}}})
    run = a_run(spec)
    run.start()
    assert said(run.succeed("a", {"n": "one", "text": CLAIM}))[0] == "failed a#1 output_invalid"
