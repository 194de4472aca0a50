"""The shape of a workflow's spec; its meaning is checked by the compiler."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Expression = Annotated[str, StringConstraints(min_length=1)]

MOST_NODES = 500
MOST_EDGES = 2_000
MOST_BINDINGS = 100

MINUTE_MS = 60_000
DAY_MS = 1_440 * MINUTE_MS


class Part(BaseModel):
    """A part of a spec; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(Part):
    """How often a node is tried when its failure may pass, and how long to wait in between."""

    attempts: int = Field(default=1, ge=1, le=20)
    backoff_ms: int = Field(default=200, ge=1, le=DAY_MS)
    factor: float = Field(default=2.0, ge=1.0, le=10.0)

    def wait_ms(self, attempt: int) -> int:
        """Milliseconds between the failure of an attempt (from 1) and the next one."""
        return int(min(self.backoff_ms * self.factor ** (attempt - 1), DAY_MS))


class NodeSpec(Part):
    """A node. `input` maps names to CEL expressions; `join` says which incoming edges it waits for."""

    type: str
    config: dict[str, Any] = {}
    input: dict[str, Expression] = Field(default={}, max_length=MOST_BINDINGS)
    timeout_ms: int = Field(default=MINUTE_MS, ge=1, le=DAY_MS)
    retry: Retry = Retry()
    join: Literal["all", "any"] = "all"


class EdgeSpec(Part):
    """An edge: always taken, taken when a CEL condition is true, or `else`: when no condition beside it is."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    when: Expression | None = None
    otherwise: bool = Field(default=False, alias="else")


class WorkflowSpec(Part):
    """A workflow: the JSON Schema of its input, its graph, and its output as CEL expressions by name."""

    description: str = ""
    input: dict[str, Any] = {"type": "object"}
    nodes: dict[Identifier, NodeSpec] = Field(min_length=1, max_length=MOST_NODES)
    edges: list[EdgeSpec] = Field(default=[], max_length=MOST_EDGES)
    output: dict[str, Expression] = Field(min_length=1, max_length=MOST_BINDINGS)
    timeout_ms: int = Field(default=10 * MINUTE_MS, ge=1, le=30 * DAY_MS)
