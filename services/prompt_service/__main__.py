"""Run the service: `python -m prompt_service`."""

from functools import partial

from headrace.object_store.settings import StoreSettings
from headrace.service import run
from headrace.settings import ServiceSettings
from prompt_service.bootstrap import start

if __name__ == "__main__":
    settings = ServiceSettings()
    run("prompt_service", settings, partial(start, settings=settings, store=StoreSettings()))
