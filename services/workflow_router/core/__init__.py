"""The rules of a run, pure: decide what happens because of a message, evolve the state by what happened.

start.py     a request becomes a run, or a refusal
refusal.py   how a request is refused
pins.py      what a run is bound to
outcomes.py  what workers and other runs say of their attempts
nonsense.py  outcomes that can't be right
signals.py   what callers tell a run
clock.py     what is due
endings.py   an attempt ends: edges are taken, loops go round, or it is tried again
advance.py   what follows: nodes start or are ruled out
scheduling.py nodes start, or are held
maps.py      nodes that run once for each item of a list
attempts.py  one attempt begins
kinds.py     what is particular to nodes of one type
progress.py  one decision: its events, and the state as they change it
values.py    what expressions see of a run
evolve.py    the state after an event
"""

from collections.abc import Sequence

from headrace.event import Event
from headrace.events import node, run
from headrace.machine import Context, Tick, Unreadable
from headrace.topics import RUN_REQUESTS
from headrace.workflow import InvalidWorkflow
from workflow_router.core.advance import advance
from workflow_router.core.clock import tick
from workflow_router.core.evolve import evolve, linked
from workflow_router.core.outcomes import failed, succeeded
from workflow_router.core.progress import Progress, end_of
from workflow_router.core.refusal import refuse
from workflow_router.core.signals import receive
from workflow_router.core.start import start, start_child
from workflow_router.model import ABSENT, ENDED, RUNNING, RunState, shortened
from workflow_router.ports import Workflows

__all__ = ["broken", "decide", "evolve", "linked"]


def decide(
    state: RunState, message: Event | Tick | Unreadable, context: Context, workflows: Workflows
) -> Sequence[Event]:
    """Events that a message leads to. An ended run absorbs everything, and so does one that never started."""
    if state.status == ENDED:
        return ()
    if state.status == ABSENT:
        return _first(state, message, context, workflows)
    try:
        workflow = workflows.compiled(state.start.workflow)
    except InvalidWorkflow as error:  # this version of Headrace checks more than the one that took it in
        return [run.RunFailed(**end_of(state, context.now), code="workflow_invalid", message=shortened(str(error)))]
    progress = Progress(state, context, workflow, paused=workflows.paused(state.start))
    match message:
        case node.NodeSucceeded():
            succeeded(progress, message)
        case node.NodeFailed():
            failed(progress, message)
        case run.CancelRun():
            progress.cancel(message.reason)
        case run.SignalRun():
            receive(progress, message)
        case Tick():
            tick(progress)
    if progress.events:
        advance(progress)
    return progress.events


def broken(
    state: RunState, message: Event | Tick | Unreadable, context: Context, code: str, reason: str
) -> Sequence[Event]:
    """Events instead of those of a decision that failed."""
    if state.status == RUNNING:
        return [run.RunFailed(**end_of(state, context.now), code=code, message=shortened(reason))]
    if isinstance(message, run.StartRun | run.StartChild):
        parent = message.parent if isinstance(message, run.StartChild) else None
        return [refuse(context.now, message.workflow, code, reason, parent)]
    return ()


def _first(
    state: RunState, message: Event | Tick | Unreadable, context: Context, workflows: Workflows
) -> Sequence[Event]:
    match message:
        case run.StartRun():
            return start(state, message, context, workflows)
        case run.StartChild():
            return start_child(state, message, context, workflows)
        case Unreadable() if context.received and context.received.topic == RUN_REQUESTS.name:
            return [refuse(context.now, "", "request_unreadable", f"the request can't be read: {message.reason}")]
    return ()
