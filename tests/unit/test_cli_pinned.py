"""Why a run got the versions that it got: given its first event, then words."""

from typing import Any

import pytest

from headrace.cli.pinned import pins_of
from headrace.events.run import Pin, RunStarted
from headrace.limits import GENESIS


def started(ref: str, weight: int = 0, weights: int = 0, **fields: Any) -> RunStarted:
    pin = Pin(kind="Prompt", ref=ref, name="answer", version=3, digest="d", weight=weight, weights=weights)
    return RunStarted(seq=0, prev=GENESIS, at=0, workflow="ask@1", input="{}", pins=(pin,), **fields)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (started("answer"), "production stood on it"),
        (started("answer@staging"), "staging stood on it"),
        (started("answer@v3"), "answer@v3 names it"),
        (started("answer@latest"), "it was the newest"),
        (
            started("answer", 10, 100, sticky="user-7", session="s"),
            "production deals it to 10 of 100, by sticky key user-7",
        ),
        (started("answer@staging", 1, 3, session="s-1"), "staging deals it to 1 of 3, by session s-1"),
        (started("answer", 10, 100), "production deals it to 10 of 100, by run id r1"),
    ],
)
def test_why_a_version(event: RunStarted, why: str) -> None:
    (pin,) = pins_of("r1", event)
    assert (pin["name"], pin["version"], pin["why"]) == ("answer", 3, why)
