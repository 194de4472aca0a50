"""The list of runs on narrow and wide terminals: given runs and columns, then lines in which no word is broken."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console

from headrace.cli.run_list import listing
from headrace.runs import ListedRun

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LONG = "a67c710e-0b5c-4d8e-9d1c-6a2f0a5d1f11"
FAILED = ListedRun(
    run=LONG,
    workflow="order-desk@12",
    status="failed",
    tenant=None,
    actor="ada",
    started_at=NOW - timedelta(minutes=3),
    finished_at=NOW - timedelta(minutes=2, seconds=47.7),
    code="expression_failed",
    message="no such key",
    costs=("0.00001090 USD",),
)
RUNNING = FAILED._replace(run="desk1", status="running", finished_at=None, code=None, costs=())


def listed(runs: Sequence[ListedRun], width: int) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width)
    console.print(listing(console, runs, NOW))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_wide_terminal_has_a_line_a_run() -> None:
    assert listed([FAILED, RUNNING], 120) == [
        "run                                   workflow       state                       started  took   cost",
        f"{LONG}  order-desk@12  failed (expression_failed)  3m ago   12.3s  0.00001090 USD",
        "desk1                                 order-desk@12  running                     3m ago",
    ]


def test_in_80_columns_a_run_has_two_lines_and_its_id_and_state_are_whole() -> None:
    assert listed([FAILED, RUNNING], 80) == [
        "run, workflow                         state, started, took, cost",
        f"{LONG}  failed (expression_failed)",
        "  order-desk@12                       3m ago, took 12.3s, 0.00001090 USD",
        "desk1                                 running",
        "  order-desk@12                       3m ago",
    ]


def test_short_ids_need_one_line_in_80_columns() -> None:
    assert listed([RUNNING], 80) == [
        "run    workflow       state    started  took  cost",
        "desk1  order-desk@12  running  3m ago",
    ]


def test_what_is_longer_than_the_terminal_is_folded_and_nothing_is_lost() -> None:
    lines = listed([FAILED._replace(run=f"{LONG}:{'y' * 100}", workflow="x" * 60)], 80)
    assert max(map(len, lines)) <= 80
    text = "".join(lines)
    assert (text.count("y"), text.count("x")) == (100, 60 + "expression".count("x"))
    assert lines[1].endswith("  failed (expression_failed)")


def test_words_of_others_are_words() -> None:
    lines = listed([FAILED._replace(workflow="[bold]x\x1b[2J@1")], 80)
    assert any("[bold]x�[2J@1" in line for line in lines)
