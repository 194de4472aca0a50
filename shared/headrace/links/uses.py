"""Prompts that use prompts: whether they lead into a circle, too deep or too often, as routers refuse. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.errors import NotFound
from headrace.fault import Fault
from headrace.resource.catalog import Resolved, Resolver
from headrace.resource.prompt import DEEPEST_USES, MOST_USES


def use_faults(catalog: Resolver, name: str, spec: Mapping[str, Any]) -> Iterator[Fault]:
    """The uses of a prompt that lead into a circle, or to too many prompts in all."""
    walk = _Walk(catalog, name, spec)
    for use, ref in spec.get("uses", {}).items():
        if fault := walk.below(ref, (name,)):
            yield fault.below("uses", use)
            return


class _Walk:
    """Goes through all that a prompt uses, and counts."""

    def __init__(self, catalog: Resolver, name: str, spec: Mapping[str, Any]) -> None:
        self._catalog = catalog
        self._name = name
        self._spec = spec
        self._count = 1

    def below(self, ref: str, chain: tuple[str, ...]) -> Fault | None:
        """The first thing that is wrong with a prompt that is used, or with one below it. chain: who led to it."""
        try:
            found = self._catalog.resolve(("Prompt",), ref)
        except NotFound:  # told where it is named
            return None
        self._count += 1
        title = self._title(found)
        if title in chain:
            circle = " → ".join((*chain[chain.index(title) :], title))
            message = f"prompts use each other in a circle: {circle}; every run is refused"
            return Fault("prompt_reference_cycle", (), message, "leave one of these uses out")
        if len(chain) > DEEPEST_USES or self._count > MOST_USES:
            message = f"{self._name} uses too many prompts: at most {DEEPEST_USES} levels and {MOST_USES} in all"
            return Fault("prompt_references_too_many", (), message, "put some of their texts into one prompt")
        below = (self.below(use, (*chain, title)) for use in found.spec.get("uses", {}).values())
        return next(filter(None, below), None)

    def _title(self, found: Resolved) -> str:
        """A prompt's name and version; the one that is looked at may have no version yet."""
        own = found.name == self._name and found.spec == self._spec
        return self._name if own else str(found)
