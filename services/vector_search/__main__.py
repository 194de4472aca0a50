"""Run the service: `python -m vector_search`."""

import sys

# structlog and httpx import these if they can, 5 MB, for a terminal, which a service does not have.
sys.modules.update(dict.fromkeys(("click", "rich")))  # type: ignore[arg-type]

from functools import partial  # noqa: E402

from headrace.service import run  # noqa: E402
from vector_search.bootstrap import start  # noqa: E402
from vector_search.settings import Settings  # noqa: E402

if __name__ == "__main__":
    settings = Settings()
    run("vector_search", settings, partial(start, settings=settings))
