"""The command line as end-to-end tests use it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEADRACE = Path(sys.executable).with_name("headrace")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def printed(done: "subprocess.CompletedProcess[str]", code: int = 0) -> Any:
    """The JSON that a command printed."""
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)
