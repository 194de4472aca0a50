"""Workflows from the tables of prompts, models and workflows."""

from functools import lru_cache
from typing import Any

import msgspec

from headrace.events.run import Pin, RunStarted
from headrace.nodes import Reference
from headrace.resource.catalog import Catalog, Resolved, Resolver
from headrace.workflow import CompiledWorkflow, compile_workflow

MOST_CONFIGS = 1_024
"""Kept ready; one holds a prompt and a model in full."""


class CatalogWorkflows:
    """Compiled workflows and node configurations, made once: what they are made of never changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._compiled: dict[str, CompiledWorkflow] = {}
        self._config = lru_cache(MOST_CONFIGS)(self._configured)

    @property
    def resolver(self) -> Resolver:
        """The catalog."""
        return self._catalog

    def compile(self, workflow: Resolved) -> CompiledWorkflow:
        """The compiled form of a workflow's version."""
        name = str(workflow)
        if name not in self._compiled:
            self._compiled[name] = compile_workflow(workflow.spec)
        return self._compiled[name]

    def compiled(self, started: RunStarted) -> CompiledWorkflow:
        """The workflow that a run is pinned to."""
        return self._named(started.workflow)

    def _named(self, name: str) -> CompiledWorkflow:
        return self._compiled.get(name) or self.compile(self._catalog.resolve(("Workflow",), name))

    def config(self, started: RunStarted, node: str) -> str:
        """A node's configuration as JSON, with what its run is pinned to in the place of references."""
        return self._config(started.workflow, started.pins, node)

    def _configured(self, workflow: str, pins: tuple[Pin, ...], node: str) -> str:
        here = self._named(workflow).nodes[node]
        pinned = {reference.field: self._pinned(pins, reference) for reference in here.references}
        return msgspec.json.encode({**here.spec.config, **pinned}).decode()

    def _pinned(self, pins: tuple[Pin, ...], reference: Reference) -> dict[str, Any]:
        found = self._pin(pins, reference.kinds, reference.ref)
        if found.kind != "ModelAlias":
            return _described(found)
        model = self._pin(pins, ("Model",), found.spec["model"])
        return {**_described(model), "alias": {"name": found.name, "version": found.version}}

    def _pin(self, pins: tuple[Pin, ...], kinds: tuple[str, ...], ref: str) -> Resolved:
        pin = next(pin for pin in pins if pin.kind in kinds and pin.ref == ref)
        return self._catalog.resolve((pin.kind,), f"{pin.name}@{pin.version}")


def _described(found: Resolved) -> dict[str, Any]:
    return {"name": found.name, "version": found.version, "digest": found.digest, "spec": found.spec}
