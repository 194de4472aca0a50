"""Collections that nodes search, and nobody fills."""

from collections.abc import Iterator

from headrace.fault import Fault, did_you_mean
from headrace.links.known import Known


def collection_faults(known: Known) -> Iterator[Fault]:
    """Collections that are not there, if all that are there are known."""
    there, whole = known.collections
    for node, config in known.searches.items():
        if whole and config.collection not in there:
            message = f"no document is in a collection {config.collection!r:.80}: every search in it fails"
            hint = did_you_mean(config.collection, there) or "apply a DocumentSet that fills it"
            yield Fault("collection_not_found", ("nodes", node, "config", "collection"), message, hint)
