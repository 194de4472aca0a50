"""What the command line refuses before any command sees it."""

import subprocess
import sys
from pathlib import Path

HEADRACE = Path(sys.executable).with_name("headrace")


def test_an_argument_that_is_no_utf_8_is_wrong_usage() -> None:
    # when the program is given a byte that is no UTF-8
    done = subprocess.run(
        [HEADRACE, "run", "list", "--workflow", b"\xff"], check=False, capture_output=True, timeout=60
    )
    # then it says so, in one sentence
    assert done.returncode == 2
    assert done.stderr.decode() == "headrace: '\\udcff' is no UTF-8: write it in UTF-8\n"
