"""The groups of commands that are the same for prompts, models, workflows and budgets, and what they share."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import typer

from headrace.topics import DOMAINS, Domain

WAIT_S = 60.0
Name = Annotated[str, typer.Argument(help="The resource's name.")]
Version = Annotated[str, typer.Argument(help="7, v7, or a pointer such as production.")]
Pointer = Annotated[str, typer.Option(help="The pointer.")]
Expect = Annotated[
    str | None,
    typer.Option(help="Refuse unless the pointer stands here now: 7, v7, or a split as 90:v3 10:v4."),
]
Reason = Annotated[str | None, typer.Option(help="Why, for the audit trail.")]


class Family(NamedTuple):
    """A group of commands: the topics behind it, and the kinds of resources that share their names there."""

    name: str
    domain: Domain
    kinds: tuple[str, ...]
    help: str


FAMILIES: Mapping[str, Family] = {
    name: Family(name, DOMAINS[name], kinds, f"Versions and pointers of {about}.")
    for name, kinds, about in (
        ("prompt", ("Prompt",), "prompts"),
        ("model", ("ModelAlias", "Model"), "models and model aliases"),
        ("workflow", ("Workflow",), "workflows"),
        ("budget", ("Budget",), "budgets"),
    )
}
