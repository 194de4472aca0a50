"""prompt, model, workflow and budget: the same commands for each; here diff and retire."""

import asyncio
import difflib
import json
import sys
from collections.abc import Callable
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.syntax import Syntax

from headrace import changes
from headrace.changes import Changed
from headrace.cli import budgets, pausing
from headrace.cli.approvals import approve_of, protect_of, unprotect_of
from headrace.cli.deployed import resolve
from headrace.cli.erasure import erase
from headrace.cli.families import FAMILIES, WAIT_S, Family, Name, Version
from headrace.cli.graph import graph
from headrace.cli.health import health
from headrace.cli.history import history_of
from headrace.cli.pointers import move_of, rollback_of, split_of
from headrace.cli.rendering import render
from headrace.cli.session import Json, actor, connected
from headrace.cli.telling import tell
from headrace.cli.text import printable
from headrace.cli.trying import try_out
from headrace.cli.upgrade import upgrade_check
from headrace.cli.validating import validate
from headrace.events.resource import RetireVersion
from headrace.resource.catalog import Resolved


def register(app: typer.Typer) -> None:
    """Add these commands, the same for each family."""
    made = (
        *(history_of, _diff_of, move_of, split_of, rollback_of),
        *(protect_of, unprotect_of, approve_of, _retire_of),
    )
    for name, family in FAMILIES.items():
        group = typer.Typer(no_args_is_help=True, help=family.help)
        for command in made:
            group.command()(command(family))
        if name == "prompt":
            group.command()(render)
            group.command()(erase)
            group.command("try")(try_out)
        if name == "model":
            group.command()(health)
        if name == "workflow":
            pausing.register(group)
            group.command()(validate)
            group.command()(graph)
            group.command("upgrade-check")(upgrade_check)
        if name == "budget":
            budgets.register(group)
        app.add_typer(group, name=name)


def _diff_of(family: Family) -> Callable[..., None]:
    def diff(name: Name, old: Version, new: Version) -> None:
        """Show what one version has that another has not. Prints nothing when they are equal."""
        versions = (f"{name}@{old}", f"{name}@{new}")
        before, after = asyncio.run(resolve(family.domain, family.kinds, versions))
        lines = difflib.unified_diff(_text(before), _text(after), str(before), str(after), lineterm="")
        if text := "\n".join(lines):
            console = Console()
            shown = Syntax(printable(text), "diff", background_color="default", word_wrap=True)
            console.print(shown) if console.is_terminal else sys.stdout.write(f"{printable(text)}\n")

    return diff


def _retire_of(family: Family) -> Callable[..., None]:
    def retire(
        name: Name,
        version: Version,
        *,
        reason: Annotated[str, typer.Option(help="Why, for the audit trail.")],
        as_json: Json = False,
    ) -> None:
        """Retire a version for good: no new run uses it, runs in flight that are pinned to it go on."""
        tell(family.name, name, asyncio.run(_retire(family, name, version, reason)), as_json=as_json)

    return retire


async def _retire(family: Family, name: str, version: str, reason: str) -> Changed:
    (found,) = await resolve(family.domain, family.kinds, (f"{name}@{version}",))
    command = RetireVersion(version=found.version, actor=actor(), reason=reason)
    async with connected() as client:
        return await changes.change(client, family.domain, name, command, WAIT_S)


def _text(version: Resolved) -> list[str]:
    """A spec as YAML lines; texts of several lines stay readable."""
    return yaml.dump(json.loads(json.dumps(version.spec)), Dumper=_Readable, allow_unicode=True, width=120).splitlines()


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _represent_text)
