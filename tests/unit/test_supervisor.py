"""The supervisor, with parts that don't live; its last words say what they said."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from headrace.errors import StackError
from headrace.stack.home import Home
from headrace.stack.parts import Part, Plan
from headrace.stack.supervisor import RESTARTS, Supervisor
from tests.support.waiting import until

PRINTS = "import signal; print({text!r}, flush=True); signal.pause()"
DIES = "import os; open('lives', 'a').write('.'); print('no licence', flush=True); os._exit(3)"


async def never() -> bool:
    return False


async def always() -> bool:
    return True


class Lone(Plan):
    """Has one part, and nothing from the environment."""

    def __init__(self, home: Home, part: Part) -> None:
        super().__init__(home, 20_000, {})
        self._part = part

    def parts(self) -> dict[str, Part]:
        return {self._part.name: self._part}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.make()
    return made


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("a word\nERROR the disk is full\n\tat Disk.write\n\t... 3 more\n\n", "ERROR the disk is full"),
        ("", "(it printed nothing)"),
    ],
)
async def test_a_part_that_is_not_well_in_time_is_told_with_its_last_line(home: Home, text: str, last: str) -> None:
    part = Part("broker", 1, (sys.executable, "-c", PRINTS.format(text=text)), never, deadline_s=2.0)
    (home.logs / "broker.log").write_text("the end of an earlier life\n", encoding="utf-8")
    with pytest.raises(StackError) as told:
        await Supervisor(home, Lone(home, part), ()).run()
    assert str(told.value) == f"broker was not well after 2 s; see {home.logs / 'broker.log'}: {last}"
    noted = home.noted()
    assert noted
    assert noted.failed == str(told.value)


async def test_a_part_that_was_well_before_is_waited_for(home: Home, tmp_path: Path) -> None:
    again = tmp_path / "again"
    began: list[float] = []

    async def once() -> bool:
        if again.exists():
            began.append(time.monotonic())
        return not again.exists()

    code = f"import pathlib, signal; a = pathlib.Path({str(again)!r}); a.exists() and signal.pause(); a.touch()"
    part = Part("broker", 1, (sys.executable, "-c", code), once, deadline_s=0.5)
    running = asyncio.create_task(Supervisor(home, Lone(home, part), (), first_pause_s=0.0).run())
    await until(lambda: running.done() or (began and began[-1] - began[0] > 2))
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_part_that_ends_again_and_again_is_given_up_with_its_last_line(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    part = Part("broker", 1, (sys.executable, "-c", DIES), always)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StackError, match=f"broker ended {RESTARTS} times; see .*broker.log: no licence"):
        await Supervisor(home, Lone(home, part), (), first_pause_s=0.0).run()
    assert len((tmp_path / "lives").read_text(encoding="utf-8")) == RESTARTS
