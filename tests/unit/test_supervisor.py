"""The supervisor's last words say what its part said."""

import sys
from pathlib import Path

import pytest

from headrace.errors import StackError
from headrace.stack.home import Home
from headrace.stack.parts import Part, Plan
from headrace.stack.supervisor import Supervisor

PRINTS = "import time; print({text!r}, flush=True); time.sleep(60)"


async def never() -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("a word\nERROR the disk is full\n\tat Disk.write\n\t... 3 more\n\n", "ERROR the disk is full"),
        ("", "(it printed nothing)"),
    ],
)
async def test_a_part_that_is_not_well_in_time_is_told_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, last: str
) -> None:
    part = Part("broker", 1, (sys.executable, "-c", PRINTS.format(text=text)), never, deadline_s=2.0)
    monkeypatch.setattr(Plan, "parts", lambda _: {"broker": part})
    for variable in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL"):
        monkeypatch.delenv(variable, raising=False)
    home = Home(tmp_path)
    home.make()
    (home.logs / "broker.log").write_text("the end of an earlier life\n", encoding="utf-8")
    with pytest.raises(StackError) as told:
        await Supervisor(home, 20_000, ()).run()
    assert str(told.value) == f"broker was not well after 2 s; see {home.logs / 'broker.log'}: {last}"
    noted = home.noted()
    assert noted
    assert noted.failed == str(told.value)
