"""A run's state, and what a run is made of."""

from collections.abc import Mapping
from decimal import Context, Decimal

import msgspec
from rpds import HashTrieMap

from headrace.events.run import (
    Attempt,
    Loop,
    MapProgress,
    MapStarted,
    NodeResult,
    RunStarted,
    SignalReceived,
    Usage,
)
from headrace.limits import GENESIS, LARGEST_PAYLOAD
from headrace.resource.content import DEEPEST

LONGEST_MESSAGE = 2_000
"""Characters of a text for people, such as a reason, that others gave us and that goes into the log."""
SMALL = 10_000
"""Characters of a payload of which all faults are told; of a larger one the first."""
NO_USAGE = Usage(input_tokens=0, output_tokens=0, cost="0", currency="USD")

_EXACT = Context(prec=100)
"""For sums of costs, whose digits core/nonsense.py limits."""

ABSENT, RUNNING, ENDED = "absent", "running", "ended"

Round = tuple[str, str]
"""The tail of a loop, and a node of which the loop keeps what it led to in the round before."""


class RunState(msgspec.Struct, frozen=True):
    """A run between two events.

    seq: the next event's place in the log. prev: digest of the last one. started: None while the run is absent.
    results: nodes that ended. outstanding: nodes and instances whose attempt is under way, or will be. instances: those
    of maps that ended, by names such as node[3]. maps, lists: how far maps are, and over what. loops: by their tails.
    previous: what nodes of loops led to in the round before. signals: those that came and that nothing has waited for
    yet, by their place in the log. seen: ids of the last signals.
    """

    status: str = ABSENT
    seq: int = 0
    prev: bytes = GENESIS
    started: RunStarted | None = None
    results: "HashTrieMap[str, NodeResult]" = msgspec.field(default_factory=HashTrieMap)
    outstanding: Mapping[str, Attempt] = {}
    instances: "HashTrieMap[str, NodeResult]" = msgspec.field(default_factory=HashTrieMap)
    maps: Mapping[str, MapProgress] = {}
    lists: Mapping[str, MapStarted] = {}
    loops: Mapping[str, Loop] = {}
    previous: "HashTrieMap[Round, NodeResult]" = msgspec.field(default_factory=HashTrieMap)
    signals: Mapping[int, SignalReceived] = {}
    seen: tuple[str, ...] = ()
    usage: Usage | None = None

    @property
    def start(self) -> RunStarted:
        """How the run started; only for runs that did."""
        assert self.started is not None
        return self.started


def add_usage(total: Usage | None, more: Usage | None) -> Usage | None:
    """The sum. Costs in another currency than the first are left to the calls that list them: they don't add up."""
    if total is None or more is None:
        return total or more
    first, second = Decimal(total.cost), Decimal(more.cost)
    currency = total.currency if first else more.currency  # what cost nothing cost it in any currency
    return Usage(
        input_tokens=total.input_tokens + more.input_tokens,
        output_tokens=total.output_tokens + more.output_tokens,
        cost=f"{_EXACT.add(first, second):f}" if more.currency == currency else total.cost,
        currency=currency,
    )


def base(name: str) -> str:
    """The node of an instance's name: node[3] is one of node; a node's own name is itself."""
    return name.partition("[")[0] if name.endswith("]") else name


def index_of(name: str) -> int | None:
    """The item of an instance; None for a node's own name."""
    return int(name.partition("[")[2][:-1]) if name.endswith("]") else None


def instance(node: str, index: int) -> str:
    """The name of a node's instance for one item."""
    return f"{node}[{index}]"


def too_large(text: str) -> str:
    """Why a payload is refused, or nothing."""
    size = len(text.encode())
    return f"{size} bytes, at most {LARGEST_PAYLOAD} are allowed" if size > LARGEST_PAYLOAD else ""


def shortened(text: str, most: int = LONGEST_MESSAGE) -> str:
    """A text that the log can hold: not too long, and without U+0000, which Postgres does not take."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= most else f"{text[: most - 1]}…"


def parse(text: str) -> object:
    """A JSON value that expressions can handle. Raises ValueError, which says what is wrong with it."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if reason := _unusable(value):
        raise ValueError(reason)
    return value


def _unusable(value: object) -> str:
    """Why expressions, or the stores behind the log, could not hold a value, or nothing."""
    left: list[tuple[object, int]] = [(value, 0)]
    while left:
        here, depth = left.pop()
        if isinstance(here, str):
            if "\0" in here:  # CEL and Postgres end a text there
                return "not usable: U+0000 can't be part of a text"
        elif isinstance(here, int):
            if not -(2**63) <= here < 2**64:
                return "not usable: a whole number must fit into 64 bits; write a larger one as text"
        elif isinstance(here, dict | list):
            if depth == DEEPEST:
                return f"nested more than {DEEPEST} deep"
            inside = [*here, *here.values()] if isinstance(here, dict) else here
            left.extend([(item, depth + 1) for item in inside])
    return ""


def parse_object(text: str) -> dict[str, object]:
    """A JSON object. Raises ValueError, which says what is wrong with it."""
    value = parse(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # bad data, not a programmer's mistake
    return value
