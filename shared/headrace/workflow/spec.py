"""The shape of a workflow's spec; its meaning is checked by the compiler."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from headrace.shape import CEL

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Expression = Annotated[str, StringConstraints(min_length=1), CEL]

MOST_NODES = 500
MOST_EDGES = 2_000
MOST_BINDINGS = 100
MOST_ITEMS = 1_000
MOST_ITERATIONS = 1_000

MINUTE_MS = 60_000
DAY_MS = 1_440 * MINUTE_MS


class Part(BaseModel):
    """A part of a spec; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(Part):
    """How often a node is tried when its failure may pass, and how long to wait in between.

    jitter: the share of a wait by which it may be shorter, so that runs that failed together don't come back together.
    codes: error codes that are worth another attempt; without them, what the worker calls retryable is.
    """

    attempts: int = Field(default=1, ge=1, le=20)
    backoff_ms: int = Field(default=200, ge=1, le=DAY_MS)
    factor: float = Field(default=2.0, ge=1.0, le=10.0)
    jitter: float = Field(default=0.0, ge=0.0, le=1.0)
    codes: list[str] | None = Field(default=None, max_length=MOST_BINDINGS)

    def wait_ms(self, attempt: int, luck: float) -> int:
        """Milliseconds between the failure of an attempt (from 1) and the next one; luck: from 0 up to 1."""
        longest = min(self.backoff_ms * self.factor ** (attempt - 1), DAY_MS)
        return int(longest * (1 - self.jitter * luck))


class Quorum(Part):
    """A join that waits for so many of its incoming edges to be taken."""

    n_of: int = Field(ge=1, le=MOST_NODES)


Join = Annotated[
    Annotated[Literal["all", "any"], Tag("[word]")] | Annotated[Quorum, Tag("[quorum]")],
    Discriminator(lambda value: "[word]" if isinstance(value, str) else "[quorum]"),
]


class MapSpec(Part):
    """Run a node once for each item of a list; its bindings see `item` and `index`.

    over: CEL, the list. concurrency: instances at once. max_items: of a longer list the node fails. max_failures:
    instances that may fail before the node does.
    """

    over: Expression
    concurrency: int = Field(default=10, ge=1, le=100)
    max_items: int = Field(default=100, ge=1, le=MOST_ITEMS)
    max_failures: int = Field(default=0, ge=0, le=MOST_ITEMS)


class NodeSpec(Part):
    """A node. `input` maps names to CEL expressions; `join` says which incoming edges it waits for.

    output: the JSON Schema of what it puts out; for a signal, of its payload. timeout_ms: of an attempt; None is a
    minute for work, and as long as the run for what waits.
    """

    type: str
    config: dict[str, Any] = {}
    input: dict[str, Expression] = Field(default={}, max_length=MOST_BINDINGS)
    output: dict[str, Any] = {}
    timeout_ms: int | None = Field(default=None, ge=1, le=30 * DAY_MS)
    retry: Retry = Retry()
    join: Join = "all"
    map: MapSpec | None = None


class EdgeSpec(Part):
    """An edge: always taken, taken when a CEL condition is true, or `else`: when no condition beside it is.

    on_error: it is taken when its source has failed in the end, instead of when it went well.
    max_iterations: it leads back; the nodes between its ends run at most so many times, then it is not taken any more.
    """

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    when: Expression | None = None
    otherwise: bool = Field(default=False, alias="else")
    on_error: bool = False
    max_iterations: int | None = Field(default=None, ge=1, le=MOST_ITERATIONS)


class CostLimit(Part):
    """The most that one run may cost, every loop at its bound and every attempt made."""

    amount: Decimal = Field(ge=0)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")


class WorkflowSpec(Part):
    """A workflow: the JSON Schema of its input, its graph, and its output as CEL expressions by name.

    output_schema: the JSON Schema of the output.
    """

    description: str = ""
    input: dict[str, Any] = {"type": "object"}
    nodes: dict[Identifier, NodeSpec] = Field(min_length=1, max_length=MOST_NODES)
    edges: list[EdgeSpec] = Field(default=[], max_length=MOST_EDGES)
    output: dict[str, Expression] = Field(min_length=1, max_length=MOST_BINDINGS)
    output_schema: dict[str, Any] = {}
    timeout_ms: int = Field(default=10 * MINUTE_MS, ge=1, le=30 * DAY_MS)
    cost_limit: CostLimit | None = None
