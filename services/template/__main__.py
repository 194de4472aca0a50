"""Run the service: `python -m template`."""

from functools import partial

from headrace.service import run
from headrace.settings import ServiceSettings
from template.bootstrap import start

if __name__ == "__main__":
    settings = ServiceSettings()
    run("template", settings, partial(start, settings=settings))
