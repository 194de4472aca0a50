"""Which process of the meter counts."""

from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from usage_meter.turns import whose_turn


def member(*partitions: int) -> ClientMetadata:
    actives = {"model.calls": [*partitions]} if partitions else {}
    return ClientMetadata(ClientAssignment(actives=actives, standbys={}), url="", changelog_distribution={})


def test_who_counts_goes_on_whoever_comes() -> None:
    assert whose_turn({"a": member(), "b": member(0, 1), "c": member()}) == "b"


def test_where_nobody_counts_one_begins() -> None:
    assert whose_turn({"b": member(), "a": member()}) == "a"


def test_of_two_who_count_one_goes_on() -> None:
    assert whose_turn({"a": member(), "c": member(0), "b": member(1)}) == "b"
