"""What a projection shows on /metrics."""

from prometheus_client import Counter, Gauge, Histogram

from headrace.projection.batch import Batch

_LABELS = ("projection",)
RECORDS = Counter("headrace_projection_records_total", "Records whose rows are committed.", _LABELS)
ROWS = Counter(
    "headrace_projection_rows_total", "Rows that records led to; those of one row in one batch are one write.", _LABELS
)
DEAD_LETTERS = Counter("headrace_projection_dead_letters_total", "Records that could not be read or stored.", _LABELS)
FENCED = Counter("headrace_projection_fenced_total", "Times that the positions were not ours any more.", _LABELS)
SECONDS = Histogram("headrace_projection_batch_seconds", "From poll to commit of one batch.", _LABELS)
READY = Gauge("headrace_projection_ready", "1 when all partitions that are ours are at their position.", _LABELS)


def count(projection: str, batch: Batch, seconds: float) -> None:
    """Note a committed batch."""
    RECORDS.labels(projection).inc(len(batch.entries) + batch.poisoned)
    ROWS.labels(projection).inc(sum(len(entry.rows) for entry in batch.entries))
    DEAD_LETTERS.labels(projection).inc(batch.poisoned)
    SECONDS.labels(projection).observe(seconds)
