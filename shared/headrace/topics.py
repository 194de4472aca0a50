"""All topics, one table: what they carry, how long, and who may write where.

Topics are created from this table, the schemas are registered from it, and the README's table is checked against it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from headrace.event import Event
from headrace.events import control, document, model, node, resource, run, usage

PARTITIONS = 2
"""Default number of partitions; all topics have the same number, because a machine owns partition p of each."""

MAX_RECORD_BYTES = 1_048_576
"""Largest record value that a caller may send; the broker takes larger ones, to be refused in words."""

LARGEST_MESSAGE = 8 * 1_048_576
"""Bytes that our topics take at once: more than any that a caller's readable record can lead to."""

LARGEST_LETTER = LARGEST_MESSAGE + 65_536
"""Bytes that topics of dead letters take: any record that was taken elsewhere, and the headers that say why."""

TABLE_SEGMENT = 32 * 1_048_576
"""Bytes of a file of a table's topic that each call writes to: about what a start reads back beside the table."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CALLERS = "callers"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    records: the events that it carries; anything else on it is poison.
    key: what its records' keys mean.
    retention_ms: how long records are kept; None is for ever.
    compacted: only the newest record of each key is kept.
    largest: bytes that the broker takes at once, whatever its own setting is.
    segment: bytes after which a file is closed, for only then it is compacted; None is the broker's setting (1 GiB).
    answers: the topic on whose partitions its records stand, because they answer records there.
    """

    name: str
    records: tuple[type[Event], ...]
    key: str
    writer: str
    doc: str
    retention_ms: int | None = None
    compacted: bool = False
    largest: int = LARGEST_MESSAGE
    segment: int | None = None
    answers: "Topic | None" = None

    @property
    def homed(self) -> bool:
        """Whether all records of a key are on its home partition: callers have partitioners of their own, and a worker
        answers where it was asked.
        """
        return self.writer != CALLERS and (self.answers is None or self.answers.homed)

    @property
    def largest_value(self) -> int:
        """Bytes of the largest value that is read from here."""
        return MAX_RECORD_BYTES if self.writer == CALLERS else self.largest

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings as Kafka names them."""
        size = {"max.message.bytes": str(self.largest)}
        if self.segment is not None:
            size["segment.bytes"] = str(self.segment)
        if self.compacted and self.retention_ms is None:
            return {"cleanup.policy": "compact", **size}
        retention = -1 if self.retention_ms is None else self.retention_ms
        policy = "compact,delete" if self.compacted else "delete"
        return {"cleanup.policy": policy, "retention.ms": str(retention), **size}


TERMINAL: tuple[type[Event], ...] = (run.RunCompleted, run.RunFailed, run.RunCancelled)
"""The three records that end a run."""

RUN_REQUESTS = Topic(
    "run.requests",
    (run.StartRun, run.CancelRun, run.SignalRun),
    "run id",
    CALLERS,
    "start, cancel or signal a run",
    7 * DAY_MS,
)
RUN_EVENTS = Topic(
    "run.events",
    (
        run.RunStarted,
        run.NodeScheduled,
        run.NodeSucceeded,
        run.NodeFailed,
        run.NodeSkipped,
        run.NodeHeld,
        run.LoopRepeated,
        run.MapStarted,
        run.SignalReceived,
        run.SignalRefused,
        *TERMINAL,
    ),
    "run id",
    "workflow_router",
    "the log of every run: the audit record",
)
RUN_RESULTS = Topic(
    "run.results",
    TERMINAL,
    "run id",
    "workflow_router",
    "one terminal event per run: what callers consume",
    30 * DAY_MS,
)
RUN_STATE = Topic(
    "run.state",
    (run.RunHead, run.RunStarted, run.NodeResult, run.MapStarted, run.SignalReceived, control.Position),
    "run id, run id/part",
    "workflow_router",
    "runs in flight, ids of ended runs, and positions",
    compacted=True,
)
RUN_CHILDREN = Topic(
    "run.children",
    (run.StartChild, run.CancelRun, node.NodeSucceeded, node.NodeFailed),
    "run id",
    "workflow_router",
    "start or cancel the run of a workflow in a workflow, and how it ended",
    7 * DAY_MS,
)
NODE_STOPS = Topic(
    "node.stops",
    (node.StopRun,),
    "run id",
    "workflow_router",
    "runs that ended while workers were busy with them",
    HOUR_MS,
)
NODE_OUTCOMES = Topic(
    "node.outcomes",
    (node.NodeSucceeded, node.NodeFailed),
    "run id",
    "workers",
    "what became of each attempt, with tokens and cost",
    7 * DAY_MS,
)


def node_requests(node_type: str) -> Topic:
    """The topic from which the workers of one node type take their work."""
    return Topic(
        f"node.{node_type}.requests",
        (node.ExecuteNode,),
        "run id",
        "workflow_router",
        f"work for the workers of {node_type} nodes",
        7 * DAY_MS,
    )


NODE_REQUESTS = {name: node_requests(name) for name in ("model_invoke", "template", "vector_search")}


class Domain(NamedTuple):
    """The topics of resources that share their names."""

    commands: Topic
    events: Topic
    state: Topic


COMMANDS = (
    resource.CreateVersion,
    resource.MovePointer,
    resource.ProtectPointer,
    resource.ApproveChange,
    resource.RetireVersion,
    resource.PauseWorkflow,
    resource.ResumeWorkflow,
    resource.EraseBody,
)
"""What callers may ask for."""
CHANGES = (
    resource.VersionCreated,
    resource.VersionReused,
    resource.PointerMoved,
    resource.PointerProtected,
    resource.ChangeProposed,
    resource.VersionRetired,
    resource.WorkflowPaused,
    resource.WorkflowResumed,
    resource.ErasureOrdered,
    resource.BodyErased,
    resource.BodyUnusable,
    resource.ChangeRefused,
)
"""What happened to a resource, refusals too."""


def _domain(domain: str, service: str) -> Domain:
    commands = Topic(
        f"{domain}.commands",
        COMMANDS,
        "name",
        CALLERS,
        f"create a version of a {domain}, move a pointer, and so on",
        7 * DAY_MS,
    )
    events = Topic(
        f"{domain}.events",
        CHANGES,
        "name",
        service,
        f"the audit trail of every {domain} change, refusals too",
    )
    state = Topic(
        f"{domain}.state",
        (resource.ResourceHead, resource.ResourceVersion, control.Position),
        "name, name/version",
        service,
        f"current {domain}s, read as tables",
        compacted=True,
    )
    return Domain(commands, events, state)


DOMAINS = {
    "prompt": _domain("prompt", "prompt_service"),
    "model": _domain("model", "model_registry"),
    "workflow": _domain("workflow", "workflow_router"),
    "budget": _domain("budget", "model_registry"),
}
PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE = DOMAINS["prompt"]
MODEL_COMMANDS, MODEL_EVENTS, MODEL_STATE = DOMAINS["model"]
WORKFLOW_COMMANDS, WORKFLOW_EVENTS, WORKFLOW_STATE = DOMAINS["workflow"]
BUDGET_COMMANDS, BUDGET_EVENTS, BUDGET_STATE = DOMAINS["budget"]

PROMPT_FINDINGS = Topic(
    "prompt.findings",
    (resource.BodyUnusable,),
    "name",
    "workers",
    "stored bodies that could not be used; prompt_service notes them in prompt.events",
    7 * DAY_MS,
)
RUN_TOKENS = Topic(
    "run.tokens",
    (run.TokensStreamed,),
    "run id",
    "workers",
    "a model's answer while it comes; never the truth, the outcome is",
    HOUR_MS,
)
MODEL_HEALTH = Topic(
    "model.health",
    (model.ModelHealthChanged,),
    "name@version",
    "model_invoke",
    "state of each model's circuit breaker, shared by all workers",
    compacted=True,
)
MODEL_CALLS = Topic(
    "model.calls",
    (model.ModelCalled,),
    "name",
    "model_invoke",
    "every call of a model, with tokens, cost, and the budgets that pay: the ledger is made again from here",
)
USAGE_WINDOWS = Topic(
    "usage.windows",
    (usage.UsageWindow,),
    "by/name@version/start/partition",
    "usage_meter",
    "tokens, cost, latency and errors a minute, by model, prompt, workflow and tenant",
    30 * DAY_MS,
    compacted=True,
)
USAGE_ALERTS = Topic(
    "usage.alerts",
    (usage.UsageAlert,),
    "about",
    "usage_meter",
    "budgets near their limits, models that fail often",
    30 * DAY_MS,
)
USAGE_TABLES = (
    Topic(
        "usage_meter-windows-changelog",
        (),
        "partition/by/name@version and window",
        "usage_meter",
        "the usage meter's windows, while they can change",
        compacted=True,
        segment=TABLE_SEGMENT,
    ),
    Topic(
        "usage_meter-spending-changelog",
        (),
        "partition/budget/name/period",
        "usage_meter",
        "what the usage meter saw of each budget, until a day after its period",
        compacted=True,
        segment=TABLE_SEGMENT,
    ),
)
"""What Faust keeps its tables in; their names are its own."""

DOCUMENT_COMMANDS = Topic(
    "document.commands",
    (document.IngestDocument,),
    "collection/document",
    CALLERS,
    "make a document searchable",
    7 * DAY_MS,
)
DOCUMENT_EVENTS = Topic(
    "document.events",
    (document.DocumentIngested, document.DocumentRefused),
    "collection/document",
    "vector_search",
    "what is searchable, with its text: collections are made again from here",
    answers=DOCUMENT_COMMANDS,
)
CONTROL_POSITIONS = Topic(
    "control.positions",
    (control.TableApplied,),
    "instance/topic",
    "table readers",
    "how far each instance has applied each table: acknowledgements",
    compacted=True,
)


def dead_letters(topic: Topic) -> Topic:
    """Where a topic's unreadable records go: original key, value and headers, byte for byte."""
    return Topic(
        f"{topic.name}.dlq",
        (),
        "original",
        "reader",
        f"dead letters of {topic.name}",
        30 * DAY_MS,
        largest=LARGEST_LETTER,
    )


CONSUMED = (
    RUN_REQUESTS,
    RUN_CHILDREN,
    *NODE_REQUESTS.values(),
    NODE_OUTCOMES,
    PROMPT_COMMANDS,
    MODEL_COMMANDS,
    WORKFLOW_COMMANDS,
    BUDGET_COMMANDS,
    DOCUMENT_COMMANDS,
    PROMPT_FINDINGS,
    RUN_EVENTS,
    PROMPT_EVENTS,
    MODEL_EVENTS,
    WORKFLOW_EVENTS,
    BUDGET_EVENTS,
    MODEL_CALLS,
)
"""Topics that some loop consumes, and which therefore have dead letters."""

ALL = (
    *CONSUMED,
    RUN_RESULTS,
    RUN_STATE,
    PROMPT_STATE,
    MODEL_STATE,
    WORKFLOW_STATE,
    BUDGET_STATE,
    DOCUMENT_EVENTS,
    MODEL_HEALTH,
    RUN_TOKENS,
    NODE_STOPS,
    USAGE_WINDOWS,
    USAGE_ALERTS,
    *USAGE_TABLES,
    CONTROL_POSITIONS,
    *(dead_letters(topic) for topic in CONSUMED),
)
"""Every topic of a Headrace installation."""
