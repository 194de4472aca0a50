"""Providers over HTTP."""

import asyncio
import time
from collections.abc import Mapping

import httpx
from pydantic import ValidationError

from headrace.errors import NodeError
from headrace.resource.model import Endpoint, Secret
from model_invoke.model import ChatRequest, Completion
from model_invoke.ports import Heard, ProviderFault
from model_invoke.provider.exchange import Exchange
from model_invoke.provider.redaction import Redaction
from model_invoke.provider.wire import FORMATS, fault_of

CONNECT_S = 5.0
KEEP_S = 30.0
"""How long an idle connection is kept, unless the server closes it sooner."""


def http_client(connections: int) -> httpx.AsyncClient:
    """The client that all calls share. The whole time of a call is bounded by its caller, bytes that drip as well."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_S)
    return httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(None, connect=CONNECT_S))


class HttpChat:
    """Any provider whose format is known.

    environment: the variables that models may refer to, for base URLs and credentials.
    """

    def __init__(self, http: httpx.AsyncClient, environment: Mapping[str, str]) -> None:
        self._http = http
        self._environment = environment

    async def complete(self, request: ChatRequest, timeout_s: float, heard: Heard | None = None) -> Completion:
        """See the port."""
        credential = self._credential(request.credential)
        redact = Redaction(credential)
        exchange = Exchange(FORMATS[request.provider], redact, heard)
        sending = self._sending(request, credential, exchange, streamed=heard is not None)
        try:
            async with asyncio.timeout(timeout_s):
                answer, body = await exchange.read(self._http, sending)
        except (TimeoutError, httpx.RequestError) as error:
            if exchange.finished:
                return exchange.completion()
            where = f"the provider at {sending.url.netloc.decode()}"
            raise _broken(error, exchange, where, timeout_s, redact) from error
        if answer.is_success:
            return exchange.completion(body, answer.headers.get("content-type", ""))
        raise fault_of(request.model, answer.status_code, answer.headers, body, redact, time.time())

    def _sending(self, request: ChatRequest, credential: str, exchange: Exchange, *, streamed: bool) -> httpx.Request:
        wire = FORMATS[request.provider]
        extensions = {"trace": exchange.trace, "timeout": self._http.timeout.as_dict()}
        url = _url(wire.url(self._base_url(request.endpoint).rstrip("/")))
        body, headers = wire.body(request, streamed=streamed), wire.headers(credential)
        return self._http.build_request("POST", url, json=body, headers=headers, extensions=extensions)

    def _base_url(self, endpoint: Endpoint) -> str:
        if endpoint.url:
            return endpoint.url
        name = endpoint.env or ""
        try:
            return Endpoint(url=self._variable(name)).url or ""
        except ValidationError as error:
            raise _unconfigured(f"the environment variable {name} holds no base URL") from error

    def _credential(self, secret: Secret | None) -> str:
        if secret is None:
            return ""
        value = self._variable(secret.secret).strip()
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise _unconfigured(f"the environment variable {secret.secret} holds no credential that a header can carry")
        return value

    def _variable(self, name: str) -> str:
        if value := self._environment.get(name, "").strip():
            return value
        raise _unconfigured(
            f"the environment variable {name} is not set for model_invoke, or not among its MODEL_INVOKE_VARIABLES"
        )


def _broken(error: Exception, exchange: Exchange, where: str, timeout_s: float, redact: Redaction) -> ProviderFault:
    """The fault of an exchange that came to no end."""
    match error:
        case TimeoutError():
            message = f"{where} did not answer within {timeout_s:.1f} s"
            return ProviderFault("provider_timeout", message, worked=exchange.sent)
        case httpx.ConnectTimeout():
            message = f"{where} did not take a connection in {CONNECT_S:.0f} s"
            return ProviderFault("provider_timeout", message)
        case httpx.DecodingError():
            return ProviderFault("provider_answer_invalid", f"{where} answered what can't be read", worked=True)
    said = redact(str(error) or type(error).__name__)
    message = f"{where} broke off: {said}" if exchange.sent else f"{where} does not answer: {said}"
    return ProviderFault("provider_unavailable", message, worked=exchange.succeeding)


def _url(text: str) -> httpx.URL:
    """A URL that sockets take too: they have their own words for a bad port or host name, and no common error."""
    try:
        url = httpx.URL(text)
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _unconfigured("the model's endpoint is no URL") from error
    if not url.host or not 0 < (url.port or 80) < 65_536:
        raise _unconfigured("the model's endpoint is no URL")
    return url


def _unconfigured(message: str) -> NodeError:
    return NodeError("provider_unconfigured", message)
