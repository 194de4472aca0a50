"""What a machine shows on /metrics."""

from prometheus_client import Counter, Gauge, Histogram

_LABELS = ("machine", "partition")
RECORDS = Counter("headrace_machine_records_total", "Input records consumed.", _LABELS)
EVENTS = Counter("headrace_machine_events_total", "Events written to the log.", _LABELS)
DEAD_LETTERS = Counter("headrace_machine_dead_letters_total", "Records that could not be read.", _LABELS)
BROKEN = Counter("headrace_machine_failed_decisions_total", "Mistakes in the program, each for one key.", _LABELS)
ABORTED = Counter("headrace_machine_aborted_transactions_total", "Transactions that did not commit.", _LABELS)
SECONDS = Histogram("headrace_machine_batch_seconds", "From poll to commit of one batch.", _LABELS)
READY = Gauge("headrace_machine_ready", "1 when the partition is recovered and ours.", _LABELS)


def count(labels: tuple[str, str], records: int, events: int, dead_letters: int, seconds: float) -> None:
    """Note a committed batch."""
    RECORDS.labels(*labels).inc(records)
    EVENTS.labels(*labels).inc(events)
    DEAD_LETTERS.labels(*labels).inc(dead_letters)
    SECONDS.labels(*labels).observe(seconds)
