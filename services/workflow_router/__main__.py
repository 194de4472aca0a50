"""Run the router: `python -m workflow_router`."""

from functools import partial

from headrace.service import run
from headrace.settings import ServiceSettings
from workflow_router.bootstrap import start

if __name__ == "__main__":
    settings = ServiceSettings()
    run("workflow_router", settings, partial(start, settings=settings))
