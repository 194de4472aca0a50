"""The machine loop: consume, decide and produce in one Kafka transaction, exactly once.

A service of this kind is a pure state machine for each key (`Machine`). The loop owns everything else: which partitions
are ours, fencing, recovery, batches, transactions, timers, dead letters. See docs/adr/0001 and 0002.

    model.py      what a service supplies, and what it is given
    memory.py     a partition's state, and what is due
    batch.py      decisions of one batch, in memory
    partition.py  one partition: fence, recover, commit
    loop.py       the consumer, and partitions coming and going
"""

from headrace.machine.loop import run_machine
from headrace.machine.model import Context, Machine, Message, Output, Preparation, Received, Tick, Unreadable

__all__ = ["Context", "Machine", "Message", "Output", "Preparation", "Received", "Tick", "Unreadable", "run_machine"]
