"""prompt render: what a model would get."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headrace.cli.resources import resolve
from headrace.cli.session import Json, print_json
from headrace.cli.text import printable
from headrace.errors import HeadraceError
from headrace.prompting import FORMULA, compile_variables, estimated_input, rendered
from headrace.resource.prompt import PromptSpec, Variable
from headrace.topics import DOMAINS


def render(
    reference: Annotated[str, typer.Argument(help="name, name@7, name@v7, name@production or name@latest.")],
    *,
    var: Annotated[list[str] | None, typer.Option(help="name=value; JSON unless the variable is text.")] = None,
    as_json: Json = False,
) -> None:
    """Show exactly what a model would get, and about how many tokens it is."""
    (found,) = asyncio.run(resolve(DOMAINS["prompt"], ("Prompt",), (reference,)))
    spec = PromptSpec.model_validate(found.spec)
    values = compile_variables(spec.variables).values(given_values(var or (), spec.variables))
    messages = rendered(spec.inline or (), values)
    tokens = estimated_input(messages)
    if as_json:
        listed = [{"role": message.role, "content": message.content} for message in messages]
        print_json({"prompt": str(found), "digest": found.digest, "messages": listed, "estimated_tokens": tokens})
        return
    console = Console(highlight=False)
    for message in messages:
        console.rule(message.role, align="left")
        console.print(Text(printable(message.content)))
    console.rule(align="left")
    console.print(f"{found}, about {tokens} tokens ({FORMULA})")


def given_values(pairs: Iterable[str], declared: Mapping[str, Variable]) -> dict[str, Any]:
    """Values by name. Raises HeadraceError for what is no name=value, or no JSON where it must be."""
    given: dict[str, Any] = {}
    for pair in pairs:
        name, is_pair, text = pair.partition("=")
        if not is_pair:
            raise HeadraceError(f"--var {pair!r:.80} is no name=value")
        is_text = name not in declared or declared[name].json_schema.get("type", "string") == "string"
        given[name] = text if is_text else _json(name, text)
    return given


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise HeadraceError(f"--var {name}: {text!r:.80} is not JSON, and the variable is no text: {error}") from error
