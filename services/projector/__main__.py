"""Run the service: `python -m projector`; or make its rows again from the log: `python -m projector rebuild`."""

import asyncio
import sys
from functools import partial

from headrace.errors import HeadraceError
from headrace.service import run
from projector.bootstrap import rebuild, start
from projector.settings import ProjectorSettings

if __name__ == "__main__":
    settings = ProjectorSettings()
    match sys.argv[1:]:
        case []:
            run("projector", settings, partial(start, settings=settings))
        case ["rebuild"]:
            try:
                asyncio.run(rebuild(settings))
            except HeadraceError as error:
                sys.exit(str(error))
        case _:
            sys.exit("usage: python -m projector [rebuild]")
