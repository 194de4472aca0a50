"""Run the service: `python -m model_registry`."""

from functools import partial

from headrace.service import run
from headrace.settings import ServiceSettings
from model_registry.bootstrap import start

if __name__ == "__main__":
    settings = ServiceSettings()
    run("model_registry", settings, partial(start, settings=settings))
