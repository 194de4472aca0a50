"""Workflows as users write them, and as the engine runs them.

spec.py     the shape of a workflow's YAML
model.py    what the engine runs
compiler.py from a spec to a CompiledWorkflow, or to all its faults at once
loops.py    what edges that lead back repeat
graph.py    questions about nodes and edges
proof/      what can go wrong in its flow, before it runs
typing/     the types of its expressions
drawing/    it as a picture
explained.py what a run of it did, and reasons.py why
upgrade.py  which runs in flight could go on with another version
"""

from headrace.workflow.compiler import InvalidWorkflow, compile_workflow
from headrace.workflow.model import Bindings, CompiledWorkflow, Edge, Loop, Node
from headrace.workflow.spec import WorkflowSpec

__all__ = [
    "Bindings",
    "CompiledWorkflow",
    "Edge",
    "InvalidWorkflow",
    "Loop",
    "Node",
    "WorkflowSpec",
    "compile_workflow",
]
