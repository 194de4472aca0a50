"""The runs that do the work of other runs' nodes."""

import hashlib

from headrace.limits import RUN_ID


def child_id(key: str, name: str, iteration: int, attempt: int) -> str:
    """The id of the run that does a node's work: readable as long as that makes a run id."""
    place = f"{key}:{name.replace('[', '.').removesuffix(']')}"
    again = f":{iteration}.{attempt}" if (iteration, attempt) != (0, 1) else ""
    child = f"{place}{again}"
    return child if RUN_ID.fullmatch(child) else f"child-{hashlib.sha256(child.encode()).hexdigest()}"
