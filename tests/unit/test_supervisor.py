"""The supervisor, with processes of its own that end at once."""

import asyncio
import sys
from pathlib import Path

import pytest

from headrace.errors import StackError
from headrace.stack import supervisor
from headrace.stack.home import Home, PartState
from headrace.stack.parts import Part


async def well() -> bool:
    return True


def watching(tmp_path: Path, part: Part) -> supervisor.Supervisor:
    """A supervisor of one part."""
    home = Home(tmp_path)
    home.logs.mkdir(parents=True)
    made = supervisor.Supervisor(home, 20_000, ("template",))
    made._well = {part.name: asyncio.Event()}
    made._running.parts = {part.name: PartState(port=part.port)}
    return made


async def test_a_part_that_ends_again_and_again_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.0)
    code = "import os; open('lives', 'a').write('.'); print('no licence', flush=True); os._exit(3)"
    part = Part("ends", 0, (sys.executable, "-c", code), well)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StackError, match=f"ends ended {supervisor.RESTARTS} times; see .*ends.log: no licence"):
        await asyncio.wait_for(watching(tmp_path, part)._keep(part), 30)
    assert len((tmp_path / "lives").read_text()) == supervisor.RESTARTS


async def test_a_part_that_does_not_become_well_in_time_is_named(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    part = Part("hangs", 0, (sys.executable, "-c", "import signal; signal.pause()"), never, deadline_s=0.3)
    made = watching(tmp_path, part)
    with pytest.raises(StackError, match="hangs was not well after"):
        await asyncio.wait_for(made._keep(part), 10)
    await made._terminate([part.name])
