"""The worker loop: at least once from Kafka, made idempotent by deterministic outcome ids and a call journal.

It consumes one topic, does a job for each request, and answers on the same partition number. What is done for a run
that ends meanwhile is cut off, and has no answer. Offsets are committed up
to the first request whose outcome has not arrived yet, so a killed worker repeats requests and never loses one.
A paid or effectful call is journaled: a repeated request whose call is done replays its answer and calls nobody.

    job.py        what a service supplies: two pure halves around one port
    attempt.py    one request: plan, journal, perform, answer
    watermark.py  which offsets may be committed
    stops.py      what is cut off because its run has ended
    ended.py      which runs are known to have ended
    answering.py  from request records to outcome records; what can't be read or written
    loop.py       the consumer, bounded concurrency, sending
    metrics.py    what is shown
"""

from headrace.worker.job import Done, Job, NodeJob, Worker
from headrace.worker.loop import run_worker
from headrace.worker.stops import Stops

__all__ = ["Done", "Job", "NodeJob", "Stops", "Worker", "run_worker"]
