"""Run the service: `python -m model_invoke`."""

import os
from functools import partial

from headrace.service import run
from model_invoke.bootstrap import start
from model_invoke.settings import ModelInvokeSettings

if __name__ == "__main__":
    settings = ModelInvokeSettings()
    run(
        "model_invoke", settings, partial(start, settings=settings, environment=settings.provider_variables(os.environ))
    )
