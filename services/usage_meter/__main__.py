"""Run the service: `python -m usage_meter`."""

from functools import partial

from headrace.service import run
from headrace.settings import ServiceSettings
from usage_meter.bootstrap import start

if __name__ == "__main__":
    settings = ServiceSettings()
    run("usage_meter", settings, partial(start, settings=settings))
