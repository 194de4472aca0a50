"""prompt render: what a model would get."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from headrace.bodies import Bodies
from headrace.cli.deployed import catalog_of
from headrace.cli.erasure import Gone, erasure_explained, resolved
from headrace.cli.session import Json, body_store, connected, print_json
from headrace.cli.text import printable
from headrace.errors import HeadraceError
from headrace.prompting import FORMULA, Loaded, PinnedPrompt, estimated_input, render_prompt
from headrace.resource.catalog import Resolved, Resolver
from headrace.resource.prompt import Variable
from headrace.resource.state import ERASED, ERASING


def render(
    reference: Annotated[str, typer.Argument(help="name, name@7, name@v7, name@production or name@latest.")],
    *,
    var: Annotated[list[str] | None, typer.Option(help="name=value; JSON unless the variable is text.")] = None,
    as_json: Json = False,
) -> None:
    """Show exactly what a model would get, and about how many tokens it is.

    A stored body is read with your own rights in the object store.
    """
    found, loaded = asyncio.run(_loaded(reference))
    messages = render_prompt(loaded, given_values(var or (), loaded.spec.variables))
    tokens = estimated_input(messages)
    if as_json:
        listed = [
            {"role": message.role, "content": message.content, "images": [*message.images]} for message in messages
        ]
        print_json({"prompt": str(found), "digest": found.digest, "messages": listed, "estimated_tokens": tokens})
        return
    console = Console(highlight=False)
    for message in messages:
        console.rule(message.role, align="left")
        console.print(Text(printable(message.content)))
        for url in message.images:
            console.print(Text(f"image {printable(url)}"), overflow="ellipsis", no_wrap=True)
    console.rule(align="left")
    console.print(f"{found}, about {tokens} tokens ({FORMULA})")


async def _loaded(reference: str) -> tuple[Resolved, Loaded]:
    """A prompt as a run that started now would be bound to it, retired or not. Raises NotFound, and NodeError."""
    async with connected() as client, erasure_explained(client):
        catalog = await catalog_of(client)
        found = catalog.find(("Prompt",), reference)
        bound = pinned(catalog, found)
    return found, await Bodies(body_store()).load(bound)


def pinned(resolver: Resolver, prompt: Resolved, above: tuple[str, ...] = ()) -> PinnedPrompt:
    """A version, and those that it uses as they are now. Raises NotFound, Gone, and HeadraceError for a circle."""
    if prompt.status in {ERASED, ERASING}:
        raise Gone(prompt)
    here = (*above, str(prompt))
    if str(prompt) in above:
        raise HeadraceError(f"prompts use each other in a circle: {' → '.join(here)}")
    uses = {name: pinned(resolver, resolved(resolver, ref), here) for name, ref in prompt.spec.get("uses", {}).items()}
    return PinnedPrompt(name=prompt.name, version=prompt.version, spec=prompt.spec, uses=uses)


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
