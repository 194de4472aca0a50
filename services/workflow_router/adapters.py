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

    def compiled(self, workflow: str) -> CompiledWorkflow:
        """The workflow that a run is pinned to, name@version."""
        return self._compiled.get(workflow) or self.compile(self._catalog.pinned("Workflow", *_parted(workflow)))

    def paused(self, started: RunStarted) -> bool:
        """Whether the workflow is paused, whatever its version."""
        return self._catalog.paused("Workflow", _parted(started.workflow)[0]) is not None

    def config(self, started: RunStarted, node: str) -> str:
        """A node's configuration as JSON, with what its run is pinned to in the place of references."""
        return self._config(started.workflow, started.pins, node)

    def _configured(self, workflow: str, pins: tuple[Pin, ...], node: str) -> str:
        here = self.compiled(workflow).nodes[node]
        pinned = _Pinned(self._catalog, pins)
        config = {**here.spec.config}
        for reference in here.references:
            config |= pinned.described(reference)
        return msgspec.json.encode(config).decode()


class _Pinned:
    """What a run's pins stand for, as its workers see it."""

    def __init__(self, catalog: Catalog, pins: tuple[Pin, ...]) -> None:
        self._catalog = catalog
        self._pins = {(pin.kind, pin.ref): pin for pin in pins}

    def described(self, reference: Reference) -> dict[str, Any]:
        """The keys of a node's configuration that stand in the place of a reference."""
        found = next(found for kind in reference.kinds if (found := self._find(kind, reference.ref)))
        match found.kind:
            case "Prompt":
                return {reference.field: self._prompt(found)}
            case "ModelAlias":
                return self._alias(reference.field, found)
        return {reference.field: _described(found), "fallbacks": []}

    def _prompt(self, prompt: Resolved) -> dict[str, Any]:
        uses = prompt.spec.get("uses", {}).items()
        return {**_described(prompt), "uses": {name: self._prompt(self._one("Prompt", ref)) for name, ref in uses}}

    def _alias(self, field: str, alias: Resolved) -> dict[str, Any]:
        """The model behind an alias, and those that may take its place: what has no pin was retired."""
        model = self._one("Model", alias.spec["model"])
        found = (self._find("Model", ref) for ref in alias.spec.get("fallbacks", ()))
        named = {"alias": {"name": alias.name, "version": alias.version}}
        return {field: {**_described(model), **named}, "fallbacks": [_described(one) for one in found if one]}

    def _one(self, kind: str, ref: str) -> Resolved:
        found = self._find(kind, ref)
        assert found, "a run pins everything that it refers to"
        return found

    def _find(self, kind: str, ref: str) -> Resolved | None:
        pin = self._pins.get((kind, ref))
        return self._catalog.pinned(kind, pin.name, pin.version) if pin else None


def _parted(name: str) -> tuple[str, int]:
    """The name and the version of name@version."""
    name, _, version = name.partition("@")
    return name, int(version)


def _described(found: Resolved) -> dict[str, Any]:
    return {"name": found.name, "version": found.version, "digest": found.digest, "spec": found.spec}
