"""Signals from outside: they end what waits for them, or are kept for what will."""

import hashlib

from headrace.events import run
from headrace.fault import did_you_mean
from headrace.nodes import WAIT
from headrace.workflow import Node
from workflow_router.core.endings import end_well
from workflow_router.core.progress import Progress
from workflow_router.model import SMALL, parse, shortened, too_large

MOST_KEPT = 100
"""Signals of a run that are kept until something waits for them; each name has an equal share, at least one."""
LONGEST_NAME = 200


class _Unfit(Exception):  # a way out of the checks, never seen outside
    """A signal can't be taken. node: the one that goes on waiting."""

    def __init__(self, reason: str, node: str | None = None) -> None:
        super().__init__(reason)
        self.node = node


def receive(progress: Progress, signal: run.SignalRun) -> None:
    """A signal; the same one again is passed over."""
    mark = _mark(progress)
    if mark in progress.state.seen:
        return
    try:
        value = _value(signal)
        name = _taker(progress, signal.signal, value, first_only=len(signal.payload) > SMALL)
    except _Unfit as error:
        called, reason = shortened(signal.signal, LONGEST_NAME), shortened(str(error))
        refused = run.SignalRefused(**progress.place(), signal=called, reason=reason, node=error.node, id=mark)
        progress.emit(refused)
        return
    place = progress.state.seq
    received = run.SignalReceived(**progress.place(), signal=signal.signal, payload=signal.payload, id=mark)
    progress.emit(received)
    if name:
        end_well(progress, name, signal.payload, value, signal=place)


def _mark(progress: Progress) -> str:
    """What tells a signal from others, in short."""
    received = progress.received
    return hashlib.sha256(received.attributes.id.encode()).hexdigest()[:16] if received else ""


def _value(signal: run.SignalRun) -> object:
    """A signal's payload, decoded."""
    if signal.signal != shortened(signal.signal, LONGEST_NAME):
        raise _Unfit(f"its name has more than {LONGEST_NAME} characters, or U+0000")
    if reason := too_large(signal.payload):
        raise _Unfit(f"its payload has {reason}")
    try:
        return parse(signal.payload)
    except ValueError as error:
        raise _Unfit(f"its payload is {error}") from error


def _taker(progress: Progress, signal: str, value: object, *, first_only: bool) -> str | None:
    """The node that waits for a signal and that the payload fits, the one that has waited longest; None: keep it."""
    waiting = [
        name
        for name, attempt in progress.state.outstanding.items()
        if attempt.status == "scheduled" and _awaited(progress.node(name)) == signal
    ]
    faults = {name: progress.node(name).output_fault(value, "payload", first_only=first_only) for name in waiting}
    for name, fault in faults.items():
        if not fault:
            return name
    if faults:
        raise _Unfit(faults[waiting[0]], waiting[0])
    _keep(progress, signal)
    return None


def _keep(progress: Progress, signal: str) -> None:
    """See to it that a signal is worth keeping, and that there is room for it."""
    names = {name for node in progress.workflow.nodes.values() if (name := _awaited(node))}
    if signal not in names:
        hint = did_you_mean(signal, names)
        raise _Unfit(f"no node of its workflow waits for {signal}{hint and f' ({hint})'}")
    kept = sum(each.signal == signal for each in progress.state.signals.values())
    if kept >= max(1, MOST_KEPT // len(names)):
        raise _Unfit(f"{kept} signals {signal} that nothing has waited for are kept already")


def _awaited(node: Node) -> str | None:
    """The signal that a node waits for, if it is one that waits."""
    return node.config.signal if node.spec.type == WAIT else None
