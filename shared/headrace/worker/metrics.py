"""What a worker shows on /metrics."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from headrace.event import Event

REQUESTS = Counter("headrace_worker_requests_total", "Requests answered.", ("worker", "outcome"))
STOPPED = Counter("headrace_worker_stopped_total", "Requests given up because their run has ended.", ("worker",))
DEAD_LETTERS = Counter("headrace_worker_dead_letters_total", "Records that could not be read.", ("worker",))
SECONDS = Histogram(
    "headrace_worker_seconds",
    "From poll to outcome of one request, or of a batch that is answered at once.",
    ("worker",),
)


def count(worker: str, outcomes: Iterable[Event]) -> None:
    """Note answered requests."""
    for name, number in Tally(type(outcome).__name__ for outcome in outcomes).items():
        REQUESTS.labels(worker, name).inc(number)
