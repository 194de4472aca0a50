"""The path that a run took, as `run show` tells it: node by node in the order of its log, and edge by edge why."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from headrace.cli.hops import clock, short
from headrace.cli.text import printable
from headrace.events.run import Pin, Usage
from headrace.nodes import DELAY, WAIT
from headrace.workflow.explained import FAILED, RUNNING, Path, Visit
from headrace.workflow.spec import NodeSpec, WorkflowSpec

MOST_INSTANCES = 5
"""Instances of a map that are shown, beside all that failed."""
COLORS = {
    "succeeded": "green",
    "failed": "red",
    "skipped": "dim",
    "running": "yellow",
    "held": "yellow",
    "cut off": "red",
}
Told = dict[str, Any]


def path_of(path: Path, spec: WorkflowSpec | None, pins: Iterable[Pin]) -> list[Told]:
    """A path for programs: a map holds its instances; rounds count from 1, times are milliseconds."""
    specs = spec.nodes if spec else {}
    by_ref = {(pin.kind, pin.ref): f"{pin.name}@{pin.version}" for pin in pins}
    instances: dict[tuple[str, int], list[Told]] = defaultdict(list)
    for visit in path.visits:
        if visit.instance is not None:
            told = {"index": visit.instance, **_visit(visit, specs.get(visit.node))}
            instances[visit.node, visit.round].append(told)
    found = []
    for visit in path.visits:
        if visit.instance is None:
            node = specs.get(visit.node)
            own = instances[visit.node, visit.round]
            found.append({"node": visit.node, **_about(node, by_ref), **_visit(visit, node), "instances": own})
    return found


def _about(node: NodeSpec | None, by_ref: Mapping[tuple[str, str], str]) -> Told:
    prompt = node.config.get("prompt") if node else None
    return {"type": node.type if node else None, "prompt": by_ref.get(("Prompt", str(prompt)))}


def _visit(visit: Visit, node: NodeSpec | None) -> Told:
    return {
        "round": visit.round + 1,
        "status": visit.state,
        "attempt": visit.attempt,
        "ms": visit.ms,
        "child": visit.child,
        "waits": _waits(visit, node),
        "models": list(dict.fromkeys(call.provider for call in visit.calls if call.outcome == "ok")),
        "input_tokens": sum(usage.input_tokens for usage in visit.usages),
        "output_tokens": sum(usage.output_tokens for usage in visit.usages),
        "cost": _cost(visit.usages),
        "items": visit.items,
        "input": None if visit.input is None else json.loads(visit.input),
        "output": None if visit.output is None else json.loads(visit.output),
        "why": visit.why,
        "edges": [asdict(choice) for choice in visit.choices],
    }


def _waits(visit: Visit, node: NodeSpec | None) -> Told | None:
    """For which signal a node waits now, and until when; of a delay that is mapped only its instances know that."""
    waits = node is not None and visit.state == RUNNING and (node.type == WAIT or (node.type == DELAY and visit.until))
    if node is None or not waits:
        return None
    signal = node.config.get("signal") if node.type == WAIT else None
    return {"signal": signal, "until": visit.until, "output": node.output}


def waiting(waits: Told) -> str:
    """What a node waits for, in words."""
    signal = f"for the signal {waits['signal']}" if waits["signal"] is not None else ""
    until = f"until {clock(waits['until'])}" if waits["until"] is not None else ""
    return " ".join(filter(None, (signal, until)))


def _cost(usages: Iterable[Usage]) -> str:
    """Money of all attempts, each currency by itself."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for usage in usages:
        sums[usage.currency] += Decimal(usage.cost)
    return ", ".join(f"{amount:f} {currency}" for currency, amount in sums.items())


def show_path(console: Console, path: Iterable[Told]) -> None:
    """A path for people; values are shortened."""
    for visit in path:
        for line in _lines(visit):
            console.print(line, soft_wrap=True)


def _lines(visit: Told) -> Iterator[Text]:
    yield _head(visit["node"], visit)
    yield from _values(visit, "    ")
    yield from _instances(visit["instances"])
    for edge in visit["edges"]:
        arrow, style = ("→", "default") if edge["taken"] else ("↛", "dim")
        said = "taken" if edge["taken"] else "not taken"
        yield Text(printable(f"    {arrow} {edge['target']} {said}: {edge['why']}"), style=style)


def _head(name: str, visit: Told) -> Text:
    again = [f"round {visit['round']}"] * (visit["round"] > 1) + [f"attempt {visit['attempt']}"] * (
        visit["attempt"] > 1
    )
    text = Text(printable(", ".join([name, *again])), style="bold")
    text.append(f"  {visit['status']}", style=COLORS.get(visit["status"], "default"))
    facts = [
        visit.get("type"),
        _named("prompt", visit.get("prompt")),
        _named("run", visit["child"]),
        *(_named("model", one) for one in visit["models"]),
    ]
    if visit["cost"]:
        facts += [f"{visit['input_tokens']} + {visit['output_tokens']} tokens", visit["cost"]]
    if visit["ms"] is not None:
        facts.append(f"{visit['ms']} ms")
    return text.append(printable(f"  {', '.join(fact for fact in facts if fact)}"), style="default not bold")


def _named(what: str, value: str | None) -> str:
    return f"{what} {value}" if value else ""


def _values(visit: Told, indent: str) -> Iterator[Text]:
    for name in ("input", "output"):
        if visit[name] is not None:
            yield Text(f"{indent}{name:<7} {short(json.dumps(visit[name], ensure_ascii=False))}")
    if visit["waits"]:
        yield Text(f"{indent}{'waits':<7} {printable(waiting(visit['waits']))}")
    if visit["why"]:
        yield Text(f"{indent}{'why':<7} {printable(visit['why'])}")


def _instances(instances: list[Told]) -> Iterator[Text]:
    if not instances:
        return
    counted = Counter(one["status"] for one in instances)
    told = ", ".join(f"{count} {status}" for status, count in counted.items())
    yield Text(f"    {len(instances)} instances: {told}")
    shown = [one for place, one in enumerate(instances) if place < MOST_INSTANCES or one["status"] == FAILED]
    for one in shown:
        yield Text("    ").append_text(_head(f"[{one['index']}]", one))
        yield from _values(one, "        ")
    if left := len(instances) - len(shown):
        yield Text(f"    and {left} more; --json has them all", style="dim")
