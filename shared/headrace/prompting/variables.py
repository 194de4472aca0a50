"""A prompt's variables: what is given against what is declared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import NodeError
from headrace.fault import did_you_mean
from headrace.json_schema import compile_schema
from headrace.resource.prompt import Variable

MOST_FAULTS = 20
"""Named in one message: it travels in events, and input can hold thousands of unknown names."""


@dataclass(frozen=True, slots=True)
class Variables:
    """Declared variables, with their compiled schemas."""

    declared: Mapping[str, Variable]
    validators: Mapping[str, Any]

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What to render with: the values given, and defaults, null if there is none, for optional ones.

        Raises NodeError variables_invalid, which names every fault.
        """
        faults = [*self._unknown(given), *self._missing(given), *self._mistyped(given)]
        if faults:
            more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
            raise NodeError("variables_invalid", "; ".join(faults[:MOST_FAULTS]) + more)
        return {name: given.get(name, variable.default) for name, variable in self.declared.items()}

    def _unknown(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted(given.keys() - self.declared.keys()):
            hint = did_you_mean(name[:80], self.declared) or "the prompt has no variables"
            yield f"variable {name:.80} is unknown ({hint:.200})"

    def _missing(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name, variable in self.declared.items():
            if name not in given and variable.mandatory:
                yield f"variable {name:.80} is missing"

    def _mistyped(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name, validator in self.validators.items():
            if name in given and (fault := why_not(validator, given[name])):
                yield f"variable {name:.80}: {fault}"


def compile_variables(declared: Mapping[str, Variable]) -> Variables:
    """Variables ready for use. Raises SchemaFault."""
    return Variables(declared, {name: compile_schema(variable.json_schema) for name, variable in declared.items()})


def why_not(validator: Any, value: Any) -> str:
    """Why a value does not meet a schema, shortened, or nothing."""
    try:
        error = next(validator.iter_errors(value), None)
    except ValueError as too_deep:  # the validator has a limit of levels
        return f"{too_deep!s:.200}"
    if error is None:
        return ""
    place = ".".join(str(step) for step in error.instance_path)
    return f"at {place:.80}: {error.message:.200}" if place else f"{error.message:.200}"
