"""The shape of a budget, and what else must hold in it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from headrace.fault import Fault
from headrace.resource.naming import NAME, REFERENCE
from headrace.resource.prompt import Spec


class Scope(Spec):
    """Whose calls are charged, by name without a version; all that are given must fit."""

    workflow: str | None = None
    tenant: str | None = None
    model: str | None = None
    prompt: str | None = None

    @model_validator(mode="after")
    def _some(self) -> "Scope":
        if all(name is None for name in (self.workflow, self.tenant, self.model, self.prompt)):
            raise ValueError("a scope names a workflow, tenant, model or prompt")
        return self


class BudgetSpec(Spec):
    """Money that calls of models may take in a day, a month (UTC) or in total.

    action: what happens to a call that could take more than is left: `refuse` it, `warn` of it, or `use` the model
    or alias that `use` names. suspended: nothing is charged.
    """

    description: str = ""
    scope: Scope
    period: Literal["day", "month", "total"]
    limit: Decimal = Field(gt=0, max_digits=24, decimal_places=12)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    action: Literal["refuse", "warn", "use"] = "refuse"
    use: str | None = None
    suspended: bool = False


def budget_faults(spec: BudgetSpec) -> Iterator[Fault]:
    """A scope that names versions; a cheaper model that is missing, or not named as references are.

    No part of the shape: budgets that were accepted before must still be read.
    """
    scope = {"workflow": spec.scope.workflow, "model": spec.scope.model, "prompt": spec.scope.prompt}
    for kind, name in scope.items():
        if name is not None and not NAME.fullmatch(name):
            yield Fault("invalid_value", ("scope", kind), "a scope takes a name without a version")
    if (spec.use is not None) != (spec.action == "use"):
        yield Fault("use_invalid", ("use",), "`use` names a model or alias when the action is use, and only then")
    elif spec.use is not None and not REFERENCE.fullmatch(spec.use):
        message = f"{spec.use!r:.80} is no reference"
        yield Fault("reference_invalid", ("use",), message, "write name, name@7, name@production or name@latest")
