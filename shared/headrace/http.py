"""HTTP over connections that are kept from one request to the next."""

from collections.abc import Mapping
from typing import Any

import httpx


async def send(http: httpx.AsyncClient, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
    """Send a request, and once more when it took a kept connection that broke before an answer began.

    A server that closes a connection can't say so in time to one who is just using it: llama.cpp closes each after a
    stream, others those that nobody used for some seconds. Raises what httpx does.
    """
    told = request.extensions.get("trace")
    settled = False

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        nonlocal settled
        settled = settled or event.startswith("connection.connect") or event.endswith("response_headers.complete")
        if told:
            await told(event, info)

    request.extensions = {**request.extensions, "trace": trace}
    try:
        return await http.send(request, stream=stream)
    except (httpx.ReadError, httpx.RemoteProtocolError):
        if settled:
            raise
    return await http.send(request, stream=stream)
