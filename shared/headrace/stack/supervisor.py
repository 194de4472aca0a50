"""Starts the parts, watches them, restarts what dies, and ends them all: `python -m headrace.stack.supervisor`.

Parts start as soon as what they wait for is well. A part that dies is started again, with growing pauses; one that dies
RESTARTS times within WINDOW_S takes the stack down, with a sentence that says where to look.
"""

import argparse
import asyncio
import ctypes
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path

import psutil

from headrace.errors import HeadraceError, StackError
from headrace.stack.home import Home, PartState, Running
from headrace.stack.parts import Part, Plan

CHECK_S = 0.1
WATCH_S = 5.0
STOP_S = 10.0
RESTARTS = 8
WINDOW_S = 120.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
PR_SET_PDEATHSIG = 1


class Supervisor:
    """One running stack."""

    def __init__(self, home: Home, plan: Plan, only: tuple[str, ...], first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._first_pause_s = first_pause_s
        self._home = home
        self._plan = plan
        self._parts = {name: part for name, part in plan.parts().items() if not only or name in only}
        self._well = {name: asyncio.Event() for name in self._parts}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._begins: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._running = Running(os.getpid(), psutil.Process().create_time(), plan.base, env=plan.env)
        for name, part in self._parts.items():
            self._running.parts[name] = PartState(port=part.port)
        for name, variable in plan.outside.items():
            self._running.parts[name] = PartState(status="outside", detail=variable)

    async def run(self) -> None:
        """Run until a signal comes. Raises StackError when a part can't be kept alive."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopping.set)
        self._note()
        await self._plan.prepare_outside()
        keepers = [asyncio.create_task(self._keep(part)) for part in self._parts.values()]
        stop = asyncio.create_task(self._stopping.wait())
        ready = asyncio.create_task(self._become_ready())
        try:
            done, _ = await asyncio.wait({stop, *keepers}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                task.result()
        except Exception as error:
            self._running.failed = str(error) or repr(error)
            raise
        finally:
            self._stopping.set()
            for task in (*keepers, ready):
                task.cancel()
            await asyncio.gather(*keepers, ready, return_exceptions=True)
            await self._end()

    async def _become_ready(self) -> None:
        for event in self._well.values():
            await event.wait()
        self._running.ready = True
        self._note()

    async def _keep(self, part: Part) -> None:
        """Start a part again and again, each time when what it stands on is well."""
        deaths: deque[float] = deque(maxlen=RESTARTS)
        while True:
            for name in part.after:
                if name in self._well:
                    await self._well[name].wait()
            code = await self._live(part)
            self._well[part.name].clear()
            if self._stands(part):  # one that falls with what it stands on is not to blame
                deaths.append(time.monotonic())
            if len(deaths) == RESTARTS and deaths[-1] - deaths[0] < WINDOW_S:
                raise StackError(f"{part.name} ended {RESTARTS} times; see {self._log(part)}: {self._last_line(part)}")
            state = self._running.parts[part.name]
            state.status, state.pid, state.detail = "restarting", None, f"ended with {code}"
            state.restarts += 1
            sys.stderr.write(f"{part.name} ended with {code}; it is started again\n")
            self._note()
            await asyncio.sleep(min(self._first_pause_s * 2 ** max(len(deaths) - 1, 0), LONGEST_PAUSE_S))

    def _stands(self, part: Part) -> bool:
        return all(self._well[name].is_set() for name in part.after if name in self._well)

    async def _live(self, part: Part) -> int:
        """One life of a part; its exit code. Raises StackError if it does not become well in time."""
        await asyncio.to_thread(part.prepare)
        process = await self._spawn(part)
        ending = asyncio.create_task(process.wait())
        starting = asyncio.create_task(self._start(part))
        watching: asyncio.Task[None] | None = None
        try:
            await asyncio.wait({ending, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                self._state(part, "well", process.pid)
                self._well[part.name].set()
                watching = asyncio.create_task(self._watch(part, process.pid))
            return await ending
        finally:
            starting.cancel()
            if watching:
                watching.cancel()

    async def _start(self, part: Part) -> None:
        """Wait until a part is well, and do what is to be done then; one that was well before may take its time."""
        try:
            async with asyncio.timeout(None if self._running.parts[part.name].restarts else part.deadline_s):
                while not await part.well():  # noqa: ASYNC110  # another process has no event to wait for
                    await asyncio.sleep(CHECK_S)
                if part.once:
                    await part.once()
        except TimeoutError as error:
            message = f"{part.name} was not well after {part.deadline_s:.0f} s; see {self._log(part)}"
            raise StackError(f"{message}: {self._last_line(part)}") from error

    async def _watch(self, part: Part, pid: int) -> None:
        """Note whether a part that was well once is so now; it may wait for another, or stand still."""
        while True:
            await asyncio.sleep(WATCH_S)
            status = "well" if await part.well() else "not ready"
            if status != self._running.parts[part.name].status:
                self._state(part, status, pid)

    async def _spawn(self, part: Part) -> asyncio.subprocess.Process:
        with self._log(part).open("ab") as log:
            self._begins[part.name] = log.tell()
            process = await asyncio.create_subprocess_exec(
                *part.command,
                env={**os.environ, **part.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._processes[part.name] = process
        self._state(part, "starting", process.pid)
        return process

    async def _end(self) -> None:
        """End all parts, those that others wait for last; what does not end in time is killed."""
        infrastructure = ("kafka", "registry", "postgres", "s3", "model", "embedding")
        services = [name for name in self._processes if name not in infrastructure]
        await self._terminate([*services, "registry", "model", "embedding", "s3"])
        await self._terminate(["kafka", "postgres"])
        if self._running.failed:
            self._note()
        else:
            self._home.forget()

    async def _terminate(self, names: list[str]) -> None:
        alive = [p for name in names if (p := self._processes.get(name)) and p.returncode is None]
        for process in alive:
            # PostgreSQL takes SIGINT for a fast end that does not wait for its clients
            process.send_signal(signal.SIGINT if process is self._processes.get("postgres") else signal.SIGTERM)
        if alive:
            await asyncio.wait([asyncio.create_task(process.wait()) for process in alive], timeout=STOP_S)
        for process in alive:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _state(self, part: Part, status: str, pid: int) -> None:
        state = self._running.parts[part.name]
        state.status, state.pid, state.detail = status, pid, ""
        self._note()

    def _note(self) -> None:
        self._home.note(self._running)

    def _log(self, part: Part) -> Path:
        return self._home.logs / f"{part.name}.log"

    def _last_line(self, part: Part) -> str:
        """What a part printed last in its newest life, without the frames of a stack trace."""
        printed = self._log(part).read_bytes()[self._begins.get(part.name, 0) :].decode(errors="replace")
        lines = [line for line in printed.splitlines() if line.strip() and not line[0].isspace()]
        return lines[-1][-300:] if lines else "(it printed nothing)"


def _die_with_parent() -> None:
    """Let the kernel end a part when the supervisor dies, however it dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Run a stack in this process until it is told to stop."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--home", required=True)
    arguments.add_argument("--base", type=int, required=True)
    arguments.add_argument("--parts", default="")
    given = arguments.parse_args()
    os.umask(0o077)
    home = Home(Path(given.home))
    only = tuple(name for name in given.parts.split(",") if name)
    try:
        with home.locked():
            asyncio.run(Supervisor(home, Plan(home, given.base, os.environ), only).run())
    except HeadraceError as error:
        sys.stderr.write(f"headrace: {error}\n")
        sys.exit(3)


if __name__ == "__main__":
    main()
