"""From a node's configuration and input to the question: pure, and every fault is said."""

import json
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import NodeError
from headrace.events.node import ExecuteNode
from headrace.prompting import MOST_FAULTS, ChatMessage
from headrace.resource.model import Endpoint, Secret
from model_invoke.core import request
from model_invoke.model import ChatRequest, ResponseSchema
from model_invoke.ports import Rejected
from model_invoke.settings import ModelInvokeSettings
from tests.unit.asking import question

SECRET = "sk-live-0123456789abcdef"
PROMPT: dict[str, Any] = {
    "messages": [
        {"role": "system", "template": "Answer in {{ language }}."},
        {"role": "user", "template": "{{ question }}"},
    ],
    "variables": {
        "question": {"schema": {"type": "string", "minLength": 1}},
        "language": {"schema": {"type": "string"}, "default": "English"},
    },
}
MODEL: dict[str, Any] = {
    "provider": "openai",
    "endpoint": {"env": "MODEL_BASE_URL"},
    "model": "gpt-tiny",
    "credential": {"secret": "OPENAI_API_KEY"},
    "capabilities": ["json_schema"],
    "limits": {"context_window": 1_000, "max_output_tokens": 300, "reserved_tokens": 100, "timeout_ms": 5_000},
    "costs": {"currency": "USD", "input_per_1k": 0.15, "output_per_1k": 0.6},
}


def config(prompt: dict[str, Any] | None = None, model: dict[str, Any] | None = None, **more: Any) -> str:
    """A configuration as the router sends it; the keys given replace those of PROMPT and MODEL."""
    pinned = {
        "prompt": {"name": "answer", "version": 3, "digest": "d1", "spec": {**PROMPT, **(prompt or {})}},
        "model": {"name": "tiny", "version": 2, "digest": "d2", "spec": {**MODEL, **(model or {})}},
    }
    return json.dumps({**pinned, **more})


def node(config: str, given: str, deadline: int | None = None) -> ExecuteNode:
    return ExecuteNode(
        run="r", workflow="w@1", node="n", type="model_invoke", config=config, input=given, deadline=deadline
    )


def asked(config: str, given: str = '{"question": "Why?"}') -> ChatRequest:
    return question(node(config, given))


def fault(text: str, values: Any = None) -> NodeError | Rejected:
    caught = []
    try:
        asked(text, json.dumps({"question": "Why?"} if values is None else values))
    except (NodeError, Rejected) as error:
        caught.append(error)
    assert [error.retryable for error in caught] == [False]
    return caught[0]


def variables(**declared: Any) -> str:
    template = {"role": "user", "template": "Hello."}
    return config({"messages": [template], "variables": declared})


class TestQuestion:
    def test_is_the_prompt_rendered_for_the_model(self) -> None:
        made = asked(config())

        assert made.endpoint == Endpoint(env="MODEL_BASE_URL")
        assert made.credential == Secret(secret="OPENAI_API_KEY")
        assert (made.provider, made.model) == ("openai", "gpt-tiny")
        assert made.messages == (ChatMessage("system", "Answer in English."), ChatMessage("user", "Why?"))
        assert (made.temperature, made.stop, made.response, made.tools) == (0.0, (), None, ())

    def test_carries_the_prompts_parameters(self) -> None:
        schema, tool = {"type": "object"}, {"name": "add"}
        parameters = {"temperature": 0.7, "max_output_tokens": 20, "stop": ["END"], "response_schema": schema}
        tools = {"tools": [tool], "tool_choice": "required"}

        made = asked(config({"parameters": parameters | tools}, {"capabilities": ["json_schema", "function_calling"]}))

        assert (made.temperature, made.max_tokens, made.stop) == (0.7, 20, ("END",))
        assert made.response == ResponseSchema("answer", schema)
        assert ([tool.name for tool in made.tools], made.tool_choice) == (["add"], "required")

    @given(st.integers(1, 600))
    def test_never_asks_for_more_than_the_model_gives(self, wanted: int) -> None:
        assert asked(config({"parameters": {"max_output_tokens": wanted}})).max_tokens == min(wanted, 300)


class TestAttempt:
    def test_is_the_same_when_the_model_was_found_by_an_alias(self) -> None:
        pinned = json.loads(config())["model"]
        aliased = json.dumps({**json.loads(config()), "model": {**pinned, "alias": {"name": "best", "version": 1}}})

        assert asked(aliased) == asked(config())

    @pytest.mark.parametrize(
        ("deadline", "now", "left_s"),
        [(None, 0, inf), (100_000, 0, 99.9), (3_100, 1_000, 2.0), (1_100, 1_000, 0.0), (1_000, 2_000, -1.1)],
    )
    def test_ends_in_time_for_the_deadline(self, deadline: int | None, now: int, left_s: float) -> None:
        assert request.plan(node(config(), "{}", deadline)).left_s(now) == pytest.approx(left_s)

    def test_names_its_calls_the_same_when_the_request_comes_again(self) -> None:
        assert request.plan(node(config(), "{}")).call_id(3) == "r/n/0/1/3"


class TestVariables:
    def test_every_fault_is_named(self) -> None:
        declared = {
            "missing": {"schema": {}},
            "count": {"schema": {"type": "integer"}},
            "names": {"schema": {"type": "array", "items": {"type": "string"}}},
        }

        error = fault(variables(**declared), {"count": "three", "names": ["a", 1], "cuont": 3})

        assert error.code == "variables_invalid"
        assert str(error).split("; ") == [
            "variable cuont is unknown (did you mean count?)",
            "variable missing is missing",
            'variable count: "three" is not of type "integer"',
            'variable names: at 1: 1 is not of type "string"',
        ]

    @given(
        missing=st.sets(st.sampled_from("abcdef"), max_size=6),
        mistyped=st.sets(st.sampled_from("ghijkl"), max_size=6),
        unknown=st.sets(st.sampled_from("mnopqr"), max_size=6),
    )
    def test_whatever_is_wrong_is_named_and_nothing_else(
        self, missing: set[str], mistyped: set[str], unknown: set[str]
    ) -> None:
        declared = {name: {"schema": {"type": "integer"}} for name in "abcdefghijkl"}
        values: dict[str, Any] = {name: 1 for name in declared if name not in missing}
        values |= dict.fromkeys(mistyped, "one") | dict.fromkeys(unknown, 1)
        if not missing | mistyped | unknown:
            asked(variables(**declared), json.dumps(values))
            return

        said = str(fault(variables(**declared), values)).split("; ")

        assert {text.split()[1].rstrip(":") for text in said} == missing | mistyped | unknown
        assert len(said) == len(missing | mistyped | unknown)

    def test_thousands_of_faults_are_counted_and_not_all_named(self) -> None:
        error = fault(variables(), {f"v{n}": n for n in range(5_000)})

        assert str(error).endswith(f"and {5_000 - MOST_FAULTS} more")
        assert len(str(error)) < 10_000

    def test_a_long_value_or_name_is_shortened(self) -> None:
        error = fault(variables(count={"schema": {"type": "integer"}}), {"count": "x" * 100_000, "n" * 100_000: 1})

        assert len(str(error)) < 1_000

    @pytest.mark.parametrize(
        ("variable", "text"),
        [
            ({"default": "x"}, "x"),
            ({"required": True, "default": None}, "None"),
            ({"required": False}, "None"),
            ({"required": False, "default": "y"}, "y"),
        ],
    )
    def test_one_that_is_not_given_has_its_default(self, variable: dict[str, Any], text: str) -> None:
        prompt = {"messages": [{"role": "user", "template": "{{ v }}"}], "variables": {"v": variable}}

        assert asked(config(prompt), "{}").messages[0].content == text

    def test_a_default_does_not_excuse_a_value_that_is_given(self) -> None:
        error = fault(config(), {"question": "Why?", "language": None})

        assert str(error) == 'variable language: null is not of type "string"'

    def test_a_value_too_deep_to_check_is_a_fault(self) -> None:
        deep = json.loads("[" * 500 + "]" * 500)

        assert fault(variables(v={"schema": {"type": "string"}}), {"v": deep}).code == "variables_invalid"


class TestRefusals:
    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000, '{"a": "\\ud800"}'])
    def test_an_input_that_is_no_object(self, text: str) -> None:
        with pytest.raises(NodeError) as caught:
            asked(config(), text)
        assert caught.value.code == "input_invalid"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "Invalid JSON"),
            ("{}", "prompt: Field required; model: Field required"),
            (config({"messages": []}), "prompt.spec.messages"),
            (config(on_ambiguous="perhaps"), "on_ambiguous"),
            (config({"variables": {"v": {"schema": {"type": "nothing"}}}}), "not a JSON Schema"),
            (config({"parameters": {"response_schema": {"$ref": "http://x/y"}}}), "not a JSON Schema"),
        ],
    )
    def test_a_configuration_that_makes_no_sense(self, text: str, said: str) -> None:
        error = fault(text)

        assert error.code == "config_invalid"
        assert said in str(error)

    def test_a_secret_in_the_wrong_place_is_not_repeated(self) -> None:
        error = fault(config(model={"credential": {"secret": SECRET}, "endpoint": {"url": f"http://u:{SECRET}@h"}}))

        assert error.code == "config_invalid"
        assert "credential.secret" in str(error)
        assert SECRET not in str(error)

    @pytest.mark.parametrize("template", ["{{ question.x.y }}", "{{ 1 / 0 }}", '{{ "\\ud800" }}'])
    def test_a_template_that_fails_names_its_message(self, template: str) -> None:
        error = fault(config({"messages": [{"role": "user", "template": template}]}), {"question": "Why?"})

        assert error.code == "template_failed"
        assert str(error).startswith("message 0 (user)")

    def test_a_schema_that_the_model_can_not_follow(self) -> None:
        text = config({"parameters": {"response_schema": {}}}, {"capabilities": ["json_mode"]})

        error = fault(text)

        assert error.code == "capability_missing"
        assert "tiny@2 has not the capability json_schema" in str(error)

    def test_a_model_that_does_not_chat(self) -> None:
        assert fault(config(model={"kind": "embedding"})).code == "capability_missing"

    def test_messages_that_leave_no_room_for_the_answer(self) -> None:
        """Room is 1000 - 100 - 300; a message of n bytes counts n/4 + 4, the system message 9, the reply 3."""
        fits, over = "x" * ((600 - 3 - 9 - 4) * 4), "x" * ((600 - 3 - 9 - 4) * 4 + 1)

        assert asked(config(), json.dumps({"question": fits}))
        error = fault(config(), {"question": over})

        assert error.code == "context_window_exceeded"
        assert (
            "about 601 tokens (UTF-8 bytes / 4 rounded up, + 4 a message, + 3), and model tiny@2 has room for 600"
            in str(error)
        )

    def test_a_shorter_answer_leaves_more_room(self) -> None:
        long = json.dumps({"question": "x" * 2_400})

        assert asked(config({"parameters": {"max_output_tokens": 10}}), long)


class TestSettings:
    def test_models_may_refer_to_keys_and_base_urls_and_nothing_else(self) -> None:
        environment = {
            "OPENAI_API_KEY": "k",
            "MODEL_BASE_URL": "u",
            "DATABASE_URL": "d",
            "AWS_SECRET_ACCESS_KEY": "s",
            "KAFKA_SASL_PASSWORD": "p",
        }

        assert ModelInvokeSettings().provider_variables(environment) == {"OPENAI_API_KEY": "k", "MODEL_BASE_URL": "u"}

    def test_an_operator_says_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODEL_INVOKE_VARIABLES", "GATEWAY_TOKEN, MODEL_*")

        allowed = ModelInvokeSettings().provider_variables({"GATEWAY_TOKEN": "t", "MODEL_URL": "u", "X_API_KEY": "k"})

        assert allowed == {"GATEWAY_TOKEN": "t", "MODEL_URL": "u"}

    def test_the_database_and_its_password_are_not_shown(self) -> None:
        settings = ModelInvokeSettings(database_url="postgresql://me:hunter2@db/x")

        assert "hunter2" not in repr(settings)
