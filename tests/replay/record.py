"""Records histories with today's rules: `python -m tests.replay.record --write`.

Without `--write` it says which would change. A history is rewritten only when a change of what is decided is meant, and
then runs in flight during the upgrade must be thought of: they were decided by yesterday's rules.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from headrace.events import run as events_of
from headrace.events.resource import PauseWorkflow, ResumeWorkflow
from headrace.machine import Tick, Unreadable
from headrace.topics import RUN_CHILDREN, RUN_REQUESTS
from tests.replay.history import FOLDER, History, Message, Step, write
from tests.unit.engine import failed, graph, succeeded

PROMPT = {
    "variables": {"question": {"schema": {"type": "string"}}, "passages": {"schema": {"type": "array"}}},
    "messages": [{"role": "user", "template": "{% for p in passages %}{{ p.text }}\n{% endfor %}{{ question }}"}],
}
MODEL = {
    "provider": "openai",
    "endpoint": {"env": "MODEL_BASE_URL"},
    "model": "m",
    "limits": {"context_window": 4096, "max_output_tokens": 512},
    "costs": {"currency": "USD", "input_per_1k": "0.00002", "output_per_1k": "0.00006"},
}
ASK = {
    "input": {
        "type": "object",
        "required": ["question"],
        "properties": {"question": {"type": "string"}, "tone": {"default": "plain"}},
    },
    "nodes": {
        "search": {
            "type": "vector_search",
            "config": {"collection": "docs"},
            "input": {"query": "input.question"},
            "timeout_ms": 2_000,
            "retry": {"attempts": 3, "backoff_ms": 200},
        },
        "answer": {
            "type": "model_invoke",
            "config": {"prompt": "answer", "model": "writer"},
            "input": {"question": "input.question", "passages": "nodes.search.output.passages"},
        },
        "apology": {
            "type": "template",
            "config": {"templates": {"text": "Nothing on {{ question }}."}},
            "input": {"question": "input.question"},
        },
    },
    "edges": [
        {"from": "search", "to": "answer", "when": "size(nodes.search.output.passages) > 0"},
        {"from": "search", "to": "apology", "else": True},
    ],
    "output": {"text": "has(nodes.answer) ? nodes.answer.output.text : nodes.apology.output.text"},
}
USAGE = events_of.Usage(input_tokens=120, output_tokens=30, cost="0.0000042", currency="USD")
CALL = events_of.Call(provider="small@1", outcome="ok", latency_ms=900, usage=USAGE)
DIAMOND = graph(
    {"from": "a", "to": "b", "when": "nodes.a.output.left"},
    {"from": "a", "to": "c", "else": True},
    "a d",
    "b e",
    "c f",
    "e g",
    "f g",
    "d h",
    "g h",
    h={"join": "any", "input": {"who": "run.id + ' ' + run.workflow + ' ' + string(run.labels.size())"}},
    g={"join": "all"},
)

APPROVAL = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
REVIEW = graph(
    "each draft",
    "draft check",
    {"from": "check", "to": "draft", "when": "!nodes.check.output.good", "max_iterations": 3},
    "check ask",
    {"from": "ask", "to": "send", "when": "nodes.ask.output.approved"},
    {"from": "ask", "to": "drop", "else": True},
    each={"map": {"over": "input.parts", "concurrency": 2, "max_failures": 1}, "input": {"part": "item + index"}},
    draft={"input": {"advice": "has(previous.check) ? previous.check.output.advice : 'begin'"}},
    ask={"type": "wait", "config": {"signal": "approval"}, "output": APPROVAL, "timeout_ms": 5_000},
)
PARTS = {"parts": [1, 2, 3]}
HANDED = graph(
    "rest child",
    {"from": "child", "to": "sorry", "on_error": True, "when": "nodes.child.error.code == 'node_failed'"},
    "child two",
    "rest two",
    "sorry two",
    "two ask",
    rest={"type": "delay", "input": {"ms": "input.ms"}},
    child={"type": "workflow", "config": {"workflow": "small"}, "input": {"n": "1"}},
    two={"join": {"n_of": 2}},
    ask={"type": "wait", "config": {"signal": "go", "default": {"late": True}}, "timeout_ms": 1_000},
)


def made(kind: str, name: str, spec: Mapping[str, Any], pointer: str | None = "production") -> dict[str, Any]:
    return {"kind": kind, "name": name, "spec": spec, "pointer": pointer}


ASKING = [
    made("Prompt", "answer", PROMPT),
    made("Model", "small", MODEL),
    made("ModelAlias", "writer", {"model": "small"}),
    made("Workflow", "w", ASK),
]
HANDING = [made("Workflow", "small", graph(only={})), made("Workflow", "w", HANDED)]


def start(value: Any = None, **fields: Any) -> events_of.StartRun:
    given = json.dumps({"question": "why?"} if value is None else value)
    return events_of.StartRun(**{"workflow": "w", "input": given, **fields})


def signal(name: str, payload: str) -> events_of.SignalRun:
    return events_of.SignalRun(signal=name, payload=payload)


Told = tuple[int, Message] | tuple[int, Message, str]
"""When, what, and on which topic, if it is no request."""
Story = tuple[str, list[dict[str, Any]], list[Told]]

STORIES: Mapping[str, Callable[[], Story]] = {
    "answered": lambda: (
        "A question is searched for and answered by a model; everything is pinned, usage adds up.",
        ASKING,
        [
            (0, start(tenant="t", session="s", actor="ada", labels={"team": "blue"})),
            (30, succeeded("search", {"passages": [{"text": "because"}]})),
            (1_000, succeeded("answer", {"text": "Because."}, usage=USAGE, calls=(CALL,))),
            (1_001, succeeded("answer", {"text": "Because."}, usage=USAGE, calls=(CALL,))),
        ],
    ),
    "apologised": lambda: (
        "Nothing is found: the other branch is taken, and the model is ruled out.",
        ASKING,
        [
            (0, start({"question": "why?", "tone": "kind"})),
            (30, succeeded("search", {"passages": []})),
            (40, succeeded("apology", {"text": "Nothing on why?."})),
        ],
    ),
    "tried-again": lambda: (
        "A failure, a time-out and two late outcomes before the third attempt succeeds; a signal in between.",
        ASKING,
        [
            (0, start()),
            (100, failed("search", code="engine_away", message="no answer", usage=USAGE)),
            (300, Tick(0)),
            (400, succeeded("search", {"passages": []}, attempt=1)),
            (2_300, Tick(0)),
            (2_400, succeeded("search", {"passages": []}, attempt=2)),
            (2_500, events_of.SignalRun(signal="hurry", payload='{"please":true}')),
            (2_700, Tick(0)),
            (2_800, succeeded("search", {"passages": [{"text": "x"}]}, attempt=3)),
            (2_900, failed("answer", retryable=False, code="content_refused", message="no")),
        ],
    ),
    "joined": lambda: (
        "Branches, dead paths, a join of all and a join of any that starts before the rest has ended.",
        [made("Workflow", "w", DIAMOND)],
        [
            (0, start({}, labels={"a": "1", "b": "2"})),
            (1, succeeded("a", {"left": True})),
            (2, succeeded("d")),
            (3, succeeded("b")),
            (4, succeeded("h", {"x": [1, 2.5, None]})),
            (5, succeeded("e")),
            (6, succeeded("g")),
        ],
    ),
    "cancelled": lambda: (
        "Cancelled while a node is under way, whose outcome comes late.",
        ASKING,
        [(0, start()), (50, events_of.CancelRun(reason="changed my mind")), (60, succeeded("search"))],
    ),
    "out-of-time": lambda: (
        "The caller's deadline passes before the answer comes.",
        ASKING,
        [(0, start(deadline_ms=500)), (30, succeeded("search", {"passages": [1]})), (500, Tick(0))],
    ),
    "reviewed": lambda: (
        "A map bears a failure, a loop goes round once more, a person's approval is refused, then taken.",
        [made("Workflow", "w", REVIEW)],
        [
            (0, start(PARTS)),
            (10, succeeded("each[1]", {"n": 2})),
            (20, failed("each[0]", retryable=False)),
            (30, succeeded("each[2]", {"n": 3})),
            (40, succeeded("draft")),
            (50, succeeded("check", {"good": False, "advice": "shorter"})),
            (60, succeeded("draft")),
            (70, succeeded("draft", iteration=1)),
            (80, succeeded("check", {"good": True}, iteration=1)),
            (90, signal("approval", '{"approved": "yes"}')),
            (100, signal("approval", '{"approved": true}')),
            (110, succeeded("send")),
        ],
    ),
    "approved-early": lambda: (
        "The refusal comes before anything waits for it, is kept, and taken by the node that waits for it in the end.",
        [made("Workflow", "w", REVIEW)],
        [
            (0, start({"parts": []})),
            (10, signal("approval", '{"approved": false}')),
            (20, succeeded("draft")),
            (30, succeeded("check", {"good": True})),
            (40, succeeded("drop")),
        ],
    ),
    "too-many-failed": lambda: (
        "Of a map more items fail than may.",
        [made("Workflow", "w", REVIEW)],
        [
            (0, start(PARTS)),
            (10, failed("each[0]", retryable=False)),
            (20, failed("each[1]", retryable=False)),
        ],
    ),
    "handed-on": lambda: (
        "A delay, another workflow whose failure is caught, a join of two, and a default when no signal comes.",
        HANDING,
        [
            (0, start({"ms": 300})),
            (299, Tick(0)),
            (300, Tick(0)),
            (400, failed("child", retryable=False, code="node_failed")),
            (410, failed("child", retryable=False, code="node_failed"), RUN_CHILDREN.name),
            (420, succeeded("sorry")),
            (430, succeeded("two")),
            (1_430, Tick(0)),
        ],
    ),
    "handed-back": lambda: (
        "Another workflow ends well, and the run is cancelled while it waits.",
        HANDING,
        [
            (0, start({"ms": 0})),
            (1, Tick(0)),
            (400, succeeded("child", {"done": True}), RUN_CHILDREN.name),
            (430, succeeded("two")),
            (440, events_of.CancelRun(reason="nobody is there")),
        ],
    ),
    "held": lambda: (
        "The workflow is paused while a node is under way; what comes after it is held until the workflow is resumed.",
        ASKING,
        [
            (0, start()),
            (10, PauseWorkflow(actor="ada", reason="the model is down")),
            (30, succeeded("search", {"passages": [{"text": "because"}]})),
            (1_030, Tick(0)),
            (1_500, ResumeWorkflow(actor="ada", reason="it is back")),
            (2_030, Tick(0)),
            (3_000, succeeded("answer", {"text": "Because."})),
        ],
    ),
    "nonsense": lambda: (
        "A worker answers with something that is no output.",
        ASKING,
        [(0, start()), (10, Unreadable("random bytes")), (20, succeeded("search", output='"\\u0000"'))],
    ),
    "refused": lambda: ("The input is no object.", ASKING, [(0, start([])), (1, start())]),
    "unreadable": lambda: ("The request can't be read.", ASKING, [(0, Unreadable("random bytes"))]),
}


def step(told: Told) -> Step:
    return Step(told[0], write(told[1]), told[2] if len(told) == 3 else RUN_REQUESTS.name)


def recorded(name: str) -> History:
    """A story as today's rules decide it."""
    about, resources, told = STORIES[name]()
    plan = History(about, resources, [step(one) for one in told], [])
    return History(about, resources, plan.steps, [write(event) for event in plan.replayed().log])


def main(arguments: list[str]) -> int:
    """1 when a history would change and may not be written."""
    changed = [name for name in STORIES if _changed(name)]
    for name in changed:
        if "--write" in arguments:
            (FOLDER / f"{name}.json").write_text(recorded(name).text(), encoding="utf-8")
        sys.stdout.write(f"{name}: {'written' if '--write' in arguments else 'would change'}\n")
    return 1 if changed and "--write" not in arguments else 0


def _changed(name: str) -> bool:
    path = FOLDER / f"{name}.json"
    return not path.exists() or path.read_text(encoding="utf-8") != recorded(name).text()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
