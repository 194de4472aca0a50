"""Faults: a place, a reason, a hint; and never a secret."""

import time

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headrace.fault import MOST_SHOWN, Fault, did_you_mean
from headrace.resource.model import ModelSpec
from headrace.shape import from_pydantic


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    inner: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Inner] = {}
    source: str = Field(default="", alias="from")


def faults(value: object) -> list[Fault]:
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate(value)
    return from_pydantic(raised.value, Outer)


def test_a_fault_reads_as_one_line() -> None:
    assert str(Fault("x", ("nodes", "a", 0), "is bad", "mend it")) == "nodes.a.0: is bad (mend it)"
    assert str(Fault("x", (), "is bad")) == "is bad"
    assert Fault("x", ("a",), "is bad").below("spec", 1) == Fault("x", ("spec", 1, "a"), "is bad")


AT_LEAST_1 = "must be at least 1"


def unknown(hint: str, *path: str | int) -> Fault:
    return Fault("unknown_key", path, f"unknown key {path[-1]!s:.80}", hint)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"iner": {}}, unknown("did you mean inner?", "iner")),
        ({"form": ""}, unknown("did you mean from?", "form")),
        ({"inner": {"siz": 1, "size": 1}}, unknown("did you mean size?", "inner", "siz")),
        ({"many": [{"sise": 1, "size": 1}]}, unknown("did you mean size?", "many", 0, "sise")),
        ({"named": {"a": {"sise": 1, "size": 1}}}, unknown("did you mean size?", "named", "a", "sise")),
        ({"x" * 5_000: 1}, unknown("known: from, inner, many, named", "x" * 5_000)),
        ({"inner": {}}, Fault("missing_key", ("inner", "size"), "size is required")),
        ({"inner": {"size": 0}}, Fault("invalid_value", ("inner", "size"), f"{AT_LEAST_1}, not 0")),
    ],
)
def test_what_pydantic_finds_is_said_in_our_words(value: object, expected: Fault) -> None:
    assert faults(value) == [expected]


def test_a_long_value_is_not_repeated() -> None:
    (fault,) = faults({"inner": {"size": "x" * 100_000}})
    assert len(fault.message) < 300


SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    "spec",
    [
        {"credential": SECRET},
        {"credential": {"secret": SECRET}},
        {"credential": {"value": SECRET}},
        {"credential": {SECRET: None}},
        {"credential": [SECRET]},
        {"endpoint": {"url": f"https://user:{SECRET}@provider.example/v1"}},
        {"endpoint": f"https://user:{SECRET}@provider.example/v1"},
    ],
)
def test_a_secret_in_the_wrong_place_is_never_repeated(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        ModelSpec.model_validate(spec)
    told = [str(fault) for fault in from_pydantic(raised.value, ModelSpec)]
    assert told
    assert not [line for line in told if SECRET in line]


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("tmplate", ["template", "model_invoke"], "did you mean template?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], ""),
        ("", ["a"], "known: a"),
    ],
)
def test_a_hint_names_the_nearest_word_or_all(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint


def test_a_hint_stays_short_however_much_is_known_or_asked() -> None:
    known = [f"workflow-{number:05}" for number in range(10_000)]
    assert did_you_mean("elephant", known) == f"known: {', '.join(known[:MOST_SHOWN])} and {10_000 - MOST_SHOWN} more"
    assert did_you_mean("workflow-04711x", known) == "did you mean workflow-04711?"
    assert len(did_you_mean("workflow-" * 100_000, known)) < 1_000


def test_a_hint_is_found_soon_however_much_is_known() -> None:
    known = [f"workflow-{number:06}" for number in range(50_000)]
    began = time.process_time()
    assert did_you_mean("workflow-034711x", known) == "did you mean workflow-034711?"
    assert time.process_time() - began < 1.0, "comparing with each takes 3 s and more"
