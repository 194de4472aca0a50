"""Workflows as users write them, and as the engine runs them.

spec.py     the shape of a workflow's YAML
compiler.py from a spec to a CompiledWorkflow, or to all its faults at once
graph.py    questions about nodes and edges
explained.py what a run did
reasons.py  why it took an edge or not
upgrade.py  what keeps a run from going on with another version
drawing/    pictures
"""

from headrace.workflow.compiler import Bindings, CompiledWorkflow, Edge, InvalidWorkflow, Node, compile_workflow
from headrace.workflow.spec import WorkflowSpec

__all__ = ["Bindings", "CompiledWorkflow", "Edge", "InvalidWorkflow", "Node", "WorkflowSpec", "compile_workflow"]
