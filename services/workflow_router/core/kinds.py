"""What is particular to nodes of one type: how long they may take, and what becomes of those that take longer."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from headrace.limits import LONGEST_DELAY_MS
from headrace.nodes import DELAY, WAIT, WORKFLOW
from headrace.workflow import Node
from workflow_router.core.endings import end_badly, end_well
from workflow_router.core.progress import Progress
from workflow_router.model import parse


class Unfit(Exception):  # a way out of a kind's checks, never seen outside
    """An input that nodes of its kind can do nothing with; its words follow "input"."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of node.

    due: its time is over. patience_ms: how long an attempt with this input may take; raises Unfit. begun: an attempt
    has just begun.
    """

    due: Callable[[Progress, str], None]
    patience_ms: Callable[[Node, str], int] = lambda here, _: here.timeout_ms
    begun: Callable[[Progress, Node], None] = lambda *_: None


def kind_of(here: Node) -> Kind:
    """What is particular to a node."""
    return ROUTED.get(here.spec.type, _WORK)


def _no_outcome(progress: Progress, name: str) -> None:
    here = progress.node(name)
    message = f"no outcome within {here.timeout_ms} ms; is a worker for {here.spec.type} running?"
    end_badly(progress, name, "timeout", message, retryable=True)


def _no_end(progress: Progress, name: str) -> None:
    message = f"the workflow did not end within {progress.node(name).timeout_ms} ms"
    end_badly(progress, name, "timeout", message, retryable=True)


def _delayed_ms(_: Node, bound: str) -> int:
    ms = msgspec.json.decode(bound)["ms"]
    if not isinstance(ms, int | float) or isinstance(ms, bool) or not 0 <= ms <= LONGEST_DELAY_MS:
        raise Unfit(f"ms: {ms!r:.80} are no milliseconds between 0 and {LONGEST_DELAY_MS}")
    return int(ms)


def _delayed(progress: Progress, name: str) -> None:
    end_well(progress, name, "{}", {})


def _take_kept(progress: Progress, here: Node) -> None:
    """Let a node that waits have the first signal that came before it waited, and that fits."""
    for place, signal in sorted(progress.state.signals.items()):
        value = parse(signal.payload)
        if signal.signal == here.config.signal and not here.output_fault(value, first_only=True):
            end_well(progress, here.id, signal.payload, value, signal=place)
            return


def _unsignalled(progress: Progress, name: str) -> None:
    here = progress.node(name)
    default = here.config.default
    if "default" in here.config.model_fields_set:
        end_well(progress, name, msgspec.json.encode(default).decode(), default)
    else:
        message = f"no signal {here.config.signal} within {here.timeout_ms} ms"
        end_badly(progress, name, "signal_timeout", message)


_WORK = Kind(_no_outcome)
ROUTED = {
    WAIT: Kind(_unsignalled, begun=_take_kept),
    DELAY: Kind(_delayed, patience_ms=_delayed_ms),
    WORKFLOW: Kind(_no_end),
}
