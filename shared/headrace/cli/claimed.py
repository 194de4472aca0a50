"""Values of runs that are too large to travel: put into the object store before a run, read from there after it."""

import sys

import msgspec

from headrace.cli.session import claims
from headrace.errors import HeadraceError
from headrace.events.run import StartRun


async def sent(request: StartRun) -> StartRun:
    """The request as it travels. Raises HeadraceError for an input that is too large, and can't be stored."""
    return msgspec.structs.replace(request, input=await claims().with_short_values(request.input))


async def whole(output: str) -> str:
    """A run's output (JSON text) with all of it; as it travelled, and a hint, where the store can't be read."""
    try:
        return await claims().whole(output)
    except HeadraceError as error:
        sys.stderr.write(f"headrace: the output is shown as it travelled, its values are elsewhere: {error}\n")
        return output
