"""prompt try: two versions of a prompt on one model, side by side."""

import asyncio
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from headrace.cli import summary
from headrace.cli.deployed import catalog_of
from headrace.cli.erasure import erasure_explained, resolved
from headrace.cli.rendering import given_values
from headrace.cli.session import Json, actor, connected, print_json
from headrace.cli.text import quoted
from headrace.errors import HeadraceError, NodeError
from headrace.prompting import compile_variables
from headrace.resource.catalog import DEFAULT_POINTER, Resolved
from headrace.resource.prompt import PromptSpec, Variable
from headrace.seen import Seen
from headrace.trial import trial
from headrace.usage.trials import trial_of

WAIT_S = 180.0


def try_out(
    reference: Annotated[str, typer.Argument(help="What to try: name@7, name@v7, name@staging or name@latest.")],
    *,
    model: Annotated[str, typer.Option(help="The model or alias that answers.")],
    compare: Annotated[
        str | None, typer.Option(help="A version or pointer of the same prompt to put beside it.")
    ] = None,
    var: Annotated[list[str] | None, typer.Option(help="name=value; JSON unless the variable is text.")] = None,
    as_json: Json = False,
) -> None:
    """Call a model with a version, and with another, and show answers, tokens, cost and time side by side.

    Each is an ordinary run of the workflow try-NAME: it is paid for, and stands in the audit trail. That workflow
    stays, for the next trial. `usage` counts trials by model and workflow, and not by prompt. Exit code 1 when there is
    no answer from one of them.

    Example: `try summarize@latest --compare production --model writer --var text="What this is about."`
    """
    tried = asyncio.run(_try(reference, compare, model, var or ()))
    if as_json:
        print_json(tried)
    else:
        Console(highlight=False).print(_table(tried))
        _note(f"tried by workflow {trial_of(reference.partition('@')[0])}, which stays for the next trial")
    if any(one["status"] != "completed" for one in tried):
        sys.exit(1)


async def _try(reference: str, compare: str | None, model: str, pairs: Sequence[str]) -> list[dict[str, Any]]:
    async with connected() as client, erasure_explained(client):
        catalog = await catalog_of(client)
        name = reference.partition("@")[0]
        references = [reference, f"{name}@{compare}"] if compare else [reference]
        found = [resolved(catalog, one) for one in references]
        catalog.resolve(("ModelAlias", "Model"), model)
        values = values_of(found, pairs)
        if twice := same_twice(found):
            _note(twice)
        prompts = [(one.name, str(one.version), given) for one, given in zip(found, values, strict=True)]
        logs = await trial(client, prompts, model, actor(), WAIT_S)
        return [_told(one, log) for one, log in zip(found, logs, strict=True)]


def values_of(prompts: Sequence[Resolved], pairs: Sequence[str]) -> list[dict[str, Any]]:
    """The values that each version gets: those that it declares, and those that none of them does, to be told of.

    Raises HeadraceError for what is no value, and for what a version does not take.
    """
    declared = [PromptSpec.model_validate(one.spec).variables for one in prompts]
    known = {name for variables in declared for name in variables}
    return [_checked(*pair, known, pairs) for pair in zip(prompts, declared, strict=True)]


def _checked(
    prompt: Resolved, declared: Mapping[str, Variable], known: Collection[str], pairs: Sequence[str]
) -> dict[str, Any]:
    given = {
        name: value for name, value in given_values(pairs, declared).items() if name in declared or name not in known
    }
    try:
        compile_variables(declared).values(given)
    except NodeError as error:
        raise HeadraceError(f"{prompt}: {error}; nothing was sent") from error
    return given


def same_twice(prompts: Sequence[Resolved]) -> str:
    """What is said when both references mean one version; nothing when they don't."""
    if len({one.version for one in prompts}) == len(prompts):
        return ""
    first, second = (one.ref.partition("@")[2] or DEFAULT_POINTER for one in prompts)
    return f"{first} and {second} are both version {prompts[0].version}: it is asked twice, and compared with itself"


def _note(text: str) -> None:
    Console(stderr=True, highlight=False).print(quoted(text), soft_wrap=True)


def _told(prompt: Resolved, log: Sequence[Seen]) -> dict[str, Any]:
    """What a trial came to: the run's summary, less what is the same for all."""
    found = summary.summarize(log)
    kept = {name: found.get(name) for name in ("run", "status", "ms", "usage", "message")}
    models = [node["detail"] for node in found["nodes"] if node["status"] == "succeeded"]
    return {"prompt": str(prompt), "asked": prompt.ref, "models": models, "answer": _answer(found), **kept}


def _answer(found: Mapping[str, Any]) -> Any:
    return found.get("output", {}).get("answer")


def _table(tried: Sequence[Mapping[str, Any]]) -> Table:
    heads = [
        Column(
            quoted(f"{one['prompt']} ({one['asked'].partition('@')[2] or DEFAULT_POINTER})"), ratio=1, overflow="fold"
        )
        for one in tried
    ]
    table = Table("", *heads, show_lines=True)
    rows = {
        "answer": [quoted(_text(one)) for one in tried],
        "model": [", ".join(one["models"]) for one in tried],
        "tokens": [f"{one['usage']['input_tokens']} in, {one['usage']['output_tokens']} out" for one in tried],
        "cost": [f"{one['usage']['cost']} {one['usage']['currency']}" for one in tried],
        "time": [f"{one['ms']} ms" for one in tried],
        "run": [one["run"] for one in tried],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _text(one: Mapping[str, Any]) -> str:
    """The answer, or why there is none."""
    answer = one["answer"]
    if answer is None:
        return f"{one['status']}: {one['message']}"
    return (
        str(answer["json"] if "json" in answer else answer["text"]) if isinstance(answer, dict) else json.dumps(answer)
    )
