"""What others wrote, on a terminal."""

import io
from typing import Any

from rich.console import Console

from headrace.cli import hops, summary
from headrace.cli.text import print_value, printable, quoted
from headrace.cloudevents import Attributes
from headrace.seen import Seen

HOSTILE = "\x1b]0;pwned\x07\x1b[2Jada [/nope] [bold]b[/]"


def test_control_characters_do_not_reach_the_terminal_and_words_do() -> None:
    assert printable("a\x1b[2J\x07b\u202ec\n\té😀") == "a\ufffd[2J\ufffdb\ufffdc\n\té😀"


def test_markup_is_text() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(quoted(HOSTILE))
    assert out.getvalue().strip() == "\ufffd]0;pwned\ufffd\ufffd[2Jada [/nope] [bold]b[/]"


UNDER_WAY = {"node": HOSTILE, "type": HOSTILE, "status": "held"}


def test_a_run_whose_words_are_hostile_is_shown_as_words() -> None:
    found: dict[str, Any] = {
        **dict.fromkeys(("input", "started_at")),
        "run": HOSTILE,
        "status": "failed",
        "workflow": HOSTILE,
        "actor": HOSTILE,
        "paused": {"at": 1, "actor": HOSTILE, "reason": HOSTILE},
        "parent": {"node": HOSTILE, "run": HOSTILE},
        "under_way": [
            {**UNDER_WAY, "waits": {"signal": HOSTILE, "until": 1, "output": {"required": [HOSTILE]}}, "child": None},
            {**UNDER_WAY, "waits": None, "child": HOSTILE},
        ],
        "started_at": 1,
        "pins": [],
        "nodes": [],
        "path": [],
        "code": "x",
        "message": HOSTILE,
        "node": HOSTILE,
    }
    out = io.StringIO()
    summary.show(Console(file=out, width=200), found)
    assert out.getvalue().count("[/nope]") == 23
    assert "\x1b" not in out.getvalue()


def test_a_record_that_can_not_be_read_and_values_are_shown_as_words() -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system=None)
    seen = Seen("run.events", 0, 0, 1, "r", Attributes("1"), b"", None, fault=HOSTILE)
    console.print(hops.line(seen, 1))
    print_value(console, {"a\u009b": "b\u202e"})
    assert not {"\x1b", "\x07", "\u009b", "\u202e"} & set(out.getvalue())
