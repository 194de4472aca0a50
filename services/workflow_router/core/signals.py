"""Signals from outside: they end what waits for them, or are kept for what will."""

import hashlib

from headrace.events import run
from headrace.nodes import WAIT, WaitConfig
from workflow_router.core.endings import end_well
from workflow_router.core.progress import Progress
from workflow_router.model import parse, shortened, too_large

MOST_KEPT = 100
"""Signals of a run that are kept until something waits for them."""
LONGEST_NAME = 200


def receive(progress: Progress, signal: run.SignalRun) -> None:
    """A signal; the same one again is passed over."""
    mark = _mark(progress)
    if mark in progress.state.seen:
        return
    waiting = _waiting(progress, signal.signal)
    if reason := _refusal(progress, signal, waiting):
        name = shortened(signal.signal, LONGEST_NAME)
        refused = run.SignalRefused(**progress.place(), signal=name, reason=shortened(reason), node=waiting, id=mark)
        progress.emit(refused)
        return
    place = progress.state.seq
    received = run.SignalReceived(**progress.place(), signal=signal.signal, payload=signal.payload, id=mark)
    progress.emit(received)
    if waiting:
        end_well(progress, waiting, signal.payload, parse(signal.payload), signal=place)


def _mark(progress: Progress) -> str:
    """What tells a signal from others, in short."""
    received = progress.received
    return hashlib.sha256(received.attributes.id.encode()).hexdigest()[:16] if received else ""


def _waiting(progress: Progress, signal: str) -> str | None:
    """The node that waits for a signal, the one that has done so the longest."""
    for name, attempt in progress.state.outstanding.items():
        spec = progress.node(name).spec
        waits = attempt.status == "scheduled" and spec.type == WAIT
        if waits and WaitConfig.model_validate(spec.config).signal == signal:
            return name
    return None


def _refusal(progress: Progress, signal: run.SignalRun, waiting: str | None) -> str:
    """Why a signal can't be taken, or nothing."""
    if signal.signal != shortened(signal.signal, LONGEST_NAME):
        return f"its name has more than {LONGEST_NAME} characters, or U+0000"
    if reason := too_large(signal.payload):
        return f"its payload has {reason}"
    try:
        value = parse(signal.payload)
    except ValueError as error:
        return f"its payload is {error}"
    if waiting:
        return progress.node(waiting).output_fault(value).replace("output", "payload", 1)
    kept = len(progress.state.signals)
    return f"{kept} signals that nothing has waited for are kept already" if kept >= MOST_KEPT else ""
