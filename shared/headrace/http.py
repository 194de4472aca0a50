"""HTTP over connections that are kept from one request to the next."""

import time
from collections.abc import Mapping
from typing import Any

import httpx

CLOSING_S = 1.0
"""How soon after a request has left a connection breaks that the server was closing: a way there and back."""


async def send(http: httpx.AsyncClient, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
    """Send a request, and once more when it took a kept connection that broke at once, before an answer began.

    A server that closes a connection can't say so in time to one who is just using it: llama.cpp closes each after a
    stream, others those that nobody used for some seconds. One that breaks later may have done its work: that is told.
    Raises what httpx does.
    """
    told = request.extensions.get("trace")
    settled, left = False, time.monotonic()

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        nonlocal settled, left
        settled = settled or event.startswith("connection.connect") or event.endswith("response_headers.complete")
        if event.endswith("send_request_body.complete"):
            left = time.monotonic()
        if told:
            await told(event, info)

    request.extensions = {**request.extensions, "trace": trace}
    try:
        return await http.send(request, stream=stream)
    except (httpx.ReadError, httpx.RemoteProtocolError):
        if settled or time.monotonic() - left > CLOSING_S:
            raise
    return await http.send(request, stream=stream)
