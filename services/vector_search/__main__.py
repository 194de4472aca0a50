"""Run the service: `python -m vector_search`."""

from functools import partial

from headrace.service import run
from vector_search.bootstrap import start
from vector_search.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    run("vector_search", settings, partial(start, settings=settings))
