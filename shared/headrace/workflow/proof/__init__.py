"""Proofs about the flow of a workflow, before it runs: no run of it can go where there is nothing. Pure.

Conditions are open, whatever they compare; every combination of them, of failures, and of who ends first is looked at
by a SAT solver. What is found has an example: a run in which it goes wrong.

formulas.py   clauses
conditions.py conditions as formulas
flow.py       which nodes run, fail, and are decided before which others
places.py     where expressions stand
reads.py      what expressions need
findings.py   what is wrong, and an example of it
"""

from headrace.fault import Fault
from headrace.workflow.model import CompiledWorkflow
from headrace.workflow.proof.findings import Finding, findings

__all__ = ["Finding", "findings", "flow_faults"]


def flow_faults(workflow: CompiledWorkflow) -> list[Fault]:
    """What can go wrong with the flow of a workflow that compiles."""
    return [finding.fault for finding in findings(workflow)]
