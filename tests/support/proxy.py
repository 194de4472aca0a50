"""A TCP proxy between a process and something that can go away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Proxy:
    """Passes connections on, breaks them while it is shut, or takes them and is silent while it hangs.

    `url` is the target's, by way of here.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._parts = parts
        self._shut = False
        self._hangs = False
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""
        self.refused = 0

    async def start(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user, at, _ = self._parts.netloc.rpartition("@")
        self.url = self._parts._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl()
        return server

    def shut(self) -> None:
        """Break all connections, and every new one."""
        self._shut = True
        self._break()

    def hang(self) -> None:
        """Break all connections, and leave every new one without an answer."""
        self._hangs = True
        self._break()

    def reopen(self) -> None:
        """Pass on again."""
        self._shut = self._hangs = False
        self._break()

    def _break(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def has_refused(self) -> bool:
        """Whether somebody has knocked in vain, and again."""
        return self.refused > 1

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            self.refused += 1
            writer.transport.abort()
            return
        if self._hangs:
            self._open.add(writer)
            return
        there, back = await asyncio.open_connection(*self._target)
        self._open |= {writer, back}
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._open -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy(target: str) -> AsyncIterator[Proxy]:
    """For the length of a test."""
    made = Proxy(target)
    server = await made.start()
    try:
        yield made
    finally:
        made.shut()
        server.close()
        await server.wait_closed()
