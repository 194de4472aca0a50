"""Run the service: `python -m projector`; or make its rows again from the log: `python -m projector rebuild`."""

import asyncio
import sys
from functools import partial

from headrace.service import run
from projector.bootstrap import ProjectorSettings, rebuild, start

if __name__ == "__main__":
    settings = ProjectorSettings()
    match sys.argv[1:]:
        case []:
            run("projector", settings, partial(start, settings=settings))
        case ["rebuild"]:
            asyncio.run(rebuild(settings))
        case _:
            sys.exit("usage: python -m projector [rebuild]")
