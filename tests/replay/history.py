"""Histories of runs: what they stood on, what they were told and when, and the log that came of it, as plain JSON.

A log is kept without digests: these are over bytes, which a later version of a schema may change. What must never
change is what the rules decide.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from headrace.codec import EVENTS
from headrace.event import Event
from headrace.events.resource import PauseWorkflow, ResumeWorkflow
from headrace.machine import Tick, Unreadable
from headrace.topics import RUN_REQUESTS
from tests.unit.engine import NOW, Run, Shelf, a_run, at

FOLDER = Path(__file__).parent / "histories"

Message = Event | Tick | Unreadable


@dataclass(frozen=True)
class Step:
    """A message, when it came (milliseconds after the start), and on which topic."""

    after_ms: int
    message: Mapping[str, Any]
    topic: str = RUN_REQUESTS.name


@dataclass(frozen=True)
class History:
    """`resources`: kind, name, spec and pointer of each, in the order in which they were made."""

    about: str
    resources: Sequence[Mapping[str, Any]]
    steps: Sequence[Step]
    log: Sequence[Mapping[str, Any]]

    def shelf(self) -> Shelf:
        shelf = Shelf()
        for resource in self.resources:
            shelf.put(resource["kind"], resource["name"], resource["spec"], resource["pointer"])
        return shelf

    def begun(self) -> "Telling":
        """A run that can begin."""
        shelf = self.shelf()
        return Telling(self, shelf, a_run(shelf=shelf))

    def replayed(self) -> Run:
        """The run as today's rules make it."""
        telling = self.begun()
        telling.tell()
        return telling.run

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Telling:
    """A history, as far as a run has heard it."""

    history: History
    shelf: Shelf
    run: Run

    def tell(self, which: slice = slice(None)) -> None:
        """Let the run hear some of the messages, each from a place of its own; commands are for its workflow."""
        for number, step in list(enumerate(self.history.steps))[which]:
            self.run.now = NOW + step.after_ms
            message = read(step.message, self.run.now)
            if isinstance(message, PauseWorkflow | ResumeWorkflow):
                self.shelf.change("w", message)
            else:
                self.run.receive(message, at(self.run.key.encode(), f"{step.topic}-0-{number}"))


def load(path: Path) -> History:
    kept = json.loads(path.read_text(encoding="utf-8"))
    return History(**{**kept, "steps": [Step(**step) for step in kept["steps"]]})


def write(message: Message) -> dict[str, Any]:
    """A message or an event as JSON: its name, and its fields without the digest of the one before."""
    if isinstance(message, Tick):
        return {"name": "tick"}
    if isinstance(message, Unreadable):
        return {"name": "unreadable", "reason": message.reason}
    fields = msgspec.to_builtins(message)
    return {"name": message.NAME, **{name: value for name, value in fields.items() if name != "prev"}}


def read(kept: Mapping[str, Any], now: int = 0) -> Message:
    fields = {name: value for name, value in kept.items() if name != "name"}
    if kept["name"] == "tick":
        return Tick(now)
    if kept["name"] == "unreadable":
        return Unreadable(fields["reason"])
    event = EVENTS[kept["name"]]
    digest = {"prev": b""} if "prev" in event.__struct_fields__ else {}
    return msgspec.convert({**fields, **digest}, event)
