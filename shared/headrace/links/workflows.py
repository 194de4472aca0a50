"""Every fault between a workflow and what it refers to."""

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.fault import Fault
from headrace.links.bindings import binding_faults
from headrace.links.capabilities import model_faults
from headrace.links.children import child_faults, nesting_faults
from headrace.links.collections import collection_faults
from headrace.links.cost import cost_faults
from headrace.links.known import UNKNOWN, Collections, Known
from headrace.links.types import linked_type_faults
from headrace.links.window import window_faults
from headrace.resource.catalog import Resolver
from headrace.workflow.spec import WorkflowSpec


def linked_faults(
    catalog: Resolver, name: str, spec: Mapping[str, Any], collections: Collections = UNKNOWN
) -> Iterator[Fault]:
    """Each fault of a sound workflow of this name; paths start at the top of the spec."""
    workflow = WorkflowSpec.model_validate(spec)
    known = Known(catalog, workflow, collections)
    yield from collection_faults(known)
    yield from binding_faults(known)
    yield from linked_type_faults(known)
    yield from model_faults(known)
    yield from window_faults(known)
    yield from child_faults(known)
    nested = list(nesting_faults(known, name))
    yield from nested
    if not nested:  # else there is no end to what a run may cost
        yield from cost_faults(known)
