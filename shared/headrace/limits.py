"""What callers, services and the command line must agree on: ids and sizes."""

import re

RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,200}")
"""A run id that a caller may choose."""
GENESIS = bytes(32)
"""What the first record of a run's log has as the digest of the one before."""
LARGEST_PAYLOAD = 393_216
"""Bytes of the largest input or output of a run or a node, as it travels."""
CLAIM_OVER = 262_144
"""Bytes of an output above which it is put into the object store, and travels as a reference."""
LARGEST_CLAIM = 33_554_432
"""Bytes of what is put there, and of all that one input refers to."""
LARGEST_DOCUMENT = 524_288
"""Bytes of the largest document: it travels as one record."""
MOST_TOKENS = 10**12
"""Tokens of one call: more than any provider counts, and few enough for a sum of them to fit into 64 bits."""
LONGEST_DELAY_MS = 2_592_000_000
"""Milliseconds that a node may wait for time to go by: 30 days."""
START_PART = "@start"
"""Part of a run's state that holds how it started; node ids have no @."""
