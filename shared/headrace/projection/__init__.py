"""The projection loop: from the log into Postgres exactly once, rows and position in one database transaction.

A service supplies a pure function from an event to rows (`Projection`); the loop owns everything else: which
partitions are ours, positions, batches, fencing, dead letters, a database that is away. The position lives beside the
rows, so neither can be ahead of the other, and the rows can be dropped and made again from the log at any time.

One exception: dead letters go to Kafka before the position passes their record. That is at least once: a process that
is killed between the two buries the same record again.

    model.py    what a service supplies, and what it is given
    batch.py    the rows and dead letters of one batch, in memory
    store.py    Postgres: schema, positions, the transaction and its fence
    loop.py     the consumer, and partitions coming and going
"""

from headrace.projection.loop import run_projection
from headrace.projection.model import LogReplaced, Origin, Projection, Row
from headrace.projection.store import start_over

__all__ = ["LogReplaced", "Origin", "Projection", "Row", "run_projection", "start_over"]
