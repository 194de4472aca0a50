"""The provider of `loopback.py` in a process of its own: `python -m tests.providers.provider PORT`."""

import asyncio
import signal
import sys

from tests.providers.loopback import loopback


async def serve(port: int) -> None:
    """Until SIGTERM or SIGINT; its base URL is the one line of its output. Port 0 is a free one."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with loopback(port=port) as provider:
        sys.stdout.write(f"{provider.url}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
