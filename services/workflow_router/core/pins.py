"""What a run is bound to: what its workflow refers to, and what that refers to in turn."""

from collections.abc import Callable

from headrace.events.run import Pin
from headrace.resource.catalog import Resolved, Resolver
from headrace.resource.prompt import DEEPEST_USES, MOST_USES
from headrace.resource.state import ACTIVE
from headrace.workflow import CompiledWorkflow
from workflow_router.core.refusal import Refused

Compile = Callable[[Resolved], CompiledWorkflow]

DEEPEST_RUNS = 8
"""Levels of workflows in workflows."""


def pins_of(workflow: Resolved, compile_: Compile, resolver: Resolver, sticky: str) -> tuple[Pin, ...]:
    """One pin for each reference, the workflow's own first; equal sticky keys are bound to equal versions.

    What workflows in it refer to is pinned with it. Raises NotFound, and Refused: model_retired, workflow_recursion,
    prompt_reference_cycle, prompt_references_too_many.
    """
    pins = _Pins(resolver, compile_, sticky)
    pins.workflow(workflow, ())
    return tuple(pins.found.values())


class _Pins:
    """Pins by kind and reference, in the order in which they were found."""

    def __init__(self, resolver: Resolver, compile_: Compile, sticky: str) -> None:
        self._resolver = resolver
        self._compile = compile_
        self._sticky = sticky
        self._uses = 0
        self._depths: dict[str, int] = {}  # of workflows, the deepest of all places where they were found
        self.found: dict[tuple[str, str], Pin] = {}

    def add(self, found: Resolved) -> None:
        self.found[found.kind, found.ref] = Pin(
            kind=found.kind,
            ref=found.ref,
            name=found.name,
            version=found.version,
            digest=found.digest,
            weight=sum(share.weight for share in found.split if share.version == found.version),
            weights=sum(share.weight for share in found.split),
        )

    def workflow(self, workflow: Resolved, chain: tuple[str, ...]) -> None:
        """A workflow and all that it refers to. chain: the workflows that led here."""
        if workflow.name in chain or len(chain) > DEEPEST_RUNS:
            circle = " → ".join((*chain, workflow.name))
            message = f"workflows lead to each other without an end, or more than {DEEPEST_RUNS} deep: {circle}"
            raise Refused("workflow_recursion", message)
        self.add(workflow)
        references = (one for node in self._compile(workflow).nodes.values() for one in node.references)
        for kinds, ref in dict.fromkeys((reference.kinds, reference.ref) for reference in references):
            self._follow(kinds, ref, (*chain, workflow.name))

    def _follow(self, kinds: tuple[str, ...], ref: str, chain: tuple[str, ...]) -> None:
        """What a node refers to."""
        found = self._resolver.resolve(kinds, ref, self._sticky)
        match found.kind:
            case "Workflow":
                if len(chain) > self._depths.get(found.ref, 0):
                    self._depths[found.ref] = len(chain)
                    self.workflow(found, chain)
            case "Prompt":
                self._uses = 0
                self._prompt(found, ())
            case "ModelAlias":
                self.add(found)
                self._model(self._resolver.resolve(("Model",), found.spec["model"], self._sticky))
                for fallback in found.spec.get("fallbacks", ()):
                    self._fallback(fallback)
            case _:
                self._model(found)

    def _model(self, model: Resolved) -> None:
        if _retired(model):
            raise Refused("model_retired", f"the model {model} is retired; name another, or move the alias to one")
        self.add(model)

    def _fallback(self, ref: str) -> None:
        """One that is retired is left out: the others may still help."""
        model = self._resolver.find(("Model",), ref, self._sticky)
        if not _retired(model):
            self.add(model)

    def _prompt(self, prompt: Resolved, chain: tuple[str, ...]) -> None:
        """A prompt and those that it uses. `chain`: the prompts that led here."""
        here = str(prompt)
        self._check(here, chain)
        self.add(prompt)
        for ref in prompt.spec.get("uses", {}).values():
            self._prompt(self._resolver.resolve(("Prompt",), ref, self._sticky), (*chain, here))

    def _check(self, here: str, chain: tuple[str, ...]) -> None:
        if here in chain:
            circle = " → ".join((*chain[chain.index(here) :], here))
            raise Refused("prompt_reference_cycle", f"prompts use each other in a circle: {circle}")
        self._uses += 1
        if len(chain) > DEEPEST_USES or self._uses > MOST_USES:
            most = f"at most {DEEPEST_USES} levels and {MOST_USES} prompts are allowed"
            raise Refused("prompt_references_too_many", f"{chain[0]} uses too many prompts: {most}")


def _retired(model: Resolved) -> bool:
    return model.status != ACTIVE or model.spec.get("status") == "retired"
