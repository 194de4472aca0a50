"""HTTP servers on loopback, in the process of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler


@asynccontextmanager
async def serving(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve until the end of the block; the URL, without a slash at its end. Port 0 is a free one."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def answering(handler: Handler, method: str = "*", path: str = "/{path:.*}") -> web.Application:
    """An application with one route; unless told otherwise it takes every request."""
    app = web.Application()
    app.router.add_route(method, path, handler)
    return app
