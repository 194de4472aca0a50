"""A workflow that has been compiled: what the engine runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from headrace.claims.claim import Place, places_of_claims
from headrace.expression import Expression
from headrace.nodes import Reference
from headrace.workflow.spec import NodeSpec, WorkflowSpec

MOST_TOLD = 5
"""Faults of one value that are told."""

_OF_SHAPE = {
    *("type", "required", "additionalProperties", "propertyNames"),
    *("minItems", "maxItems", "minProperties", "maxProperties"),
}
"""Keywords that look at a list or an object, and not into it."""

Bindings = tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge to `target`; without a condition it is always taken, `otherwise` when no condition beside it is true.

    on_error: beside those that count when the source fails, not when it ends well.
    """

    target: str
    when: Expression | None = None
    otherwise: bool = False
    on_error: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """What runs again when the edge from `tail` back to `head` is taken.

    body: its nodes. kept: those of which a round sees what the round before has led to. most: rounds in all.
    """

    head: str
    tail: str
    when: Expression | None
    most: int
    body: tuple[str, ...]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, ready to run.

    sources: where its incoming edges come from, but for those that lead back. needed: how many of them must be taken;
    None: those that can be. config: the node type's own. timeout_ms: of an attempt. over: what it is mapped over.
    around: tails of the loops that it is in, the smallest first. previous: whose round before it looks at, and the tail
    of the loop that is meant. validator: of its output.
    """

    id: str
    spec: NodeSpec
    input: Bindings
    edges: tuple[Edge, ...]
    sources: tuple[str, ...]
    needed: int | None
    config: Any
    references: tuple[Reference, ...]
    timeout_ms: int
    over: Expression | None = None
    around: tuple[str, ...] = ()
    previous: Mapping[str, str] = field(default_factory=dict)
    validator: Any = field(default=None, repr=False)

    def output_fault(self, value: Any, called: str = "output", *, first_only: bool = False) -> str:
        """What is wrong with an output, or nothing. first_only: see schema_faults."""
        if not self.validator:
            return ""
        return "; ".join(schema_faults(self.validator, value, called, first_only=first_only)[:MOST_TOLD])


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A workflow without faults; `starts` are the nodes without incoming edges. loops: by their tails."""

    spec: WorkflowSpec
    nodes: Mapping[str, Node]
    loops: Mapping[str, Loop]
    starts: tuple[str, ...]
    output: Bindings
    _input: Any = field(repr=False)
    _output: Any = field(default=None, repr=False)

    def input_faults(self, value: Any, *, first_only: bool = False) -> list[str]:
        """What is wrong with an input, each as `place: reason`. first_only: see schema_faults."""
        return schema_faults(self._input, value, "input", first_only=first_only)

    def output_fault(self, value: Any) -> str:
        """What is wrong with an output, or nothing."""
        return "".join(schema_faults(self._output, value, "output", first_only=True)) if self._output else ""

    def with_defaults(self, value: dict[str, Any]) -> dict[str, Any]:
        """An input with the defaults of the schema's own properties filled in."""
        properties = self.spec.input.get("properties", {})
        defaults = {
            name: schema["default"]
            for name, schema in properties.items()
            if isinstance(schema, dict) and "default" in schema  # a schema may also be true or false
        }
        return {**defaults, **value}


def schema_faults(validator: Any, value: Any, place: str, *, first_only: bool = False) -> list[str]:
    """Where and why a value does not fit a schema; the place is the value's own name, such as input.

    What a claim in it stands for is not known, and so not at fault. first_only: to collect 100,000 takes a second.
    """
    try:
        errors = _first_error(validator, value) if first_only else [*validator.iter_errors(value)]
        if errors and (claimed := places_of_claims(value)):
            claims = _Claims(claimed)
            if not first_only or claims.excuse(errors[0]):
                errors = [error for error in validator.iter_errors(value) if not claims.excuse(error)]
        return [
            f"{place}{''.join(f'.{step}' for step in error.instance_path):.100}: {error.message:.300}"
            for error in errors
        ]
    except ValueError as error:  # it is nested deeper than the validator goes
        return [f"{place}: {error}"]


class _Claims:
    """Where claims stand in a value, and around which parts of it."""

    def __init__(self, claimed: Sequence[Place]) -> None:
        self._places = {*claimed}
        self._around = {place[:depth] for place in claimed for depth in range(len(place) + 1)}

    def excuse(self, error: Any) -> bool:
        """Whether a fault may be none once claims are read: it lies in one, or hangs on all that is around it."""
        here = tuple(error.instance_path)
        inside = any(here[:depth] in self._places for depth in range(len(here) + 1))
        return inside or (error.kind.name not in _OF_SHAPE and here in self._around)


def _first_error(validator: Any, value: Any) -> list[Any]:
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []
