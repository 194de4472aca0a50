"""Providers over HTTP."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from headrace.errors import NodeError
from headrace.resource.model import Endpoint, Secret
from model_invoke import openai
from model_invoke.model import ChatRequest, Completion
from model_invoke.ports import Heard, ProviderFault

CONNECT_S = 5.0
KEEP_S = 30.0
"""How long an idle connection is kept: less than what servers and balancers keep theirs."""
LARGEST_ANSWER = 4_194_304
"""Bytes of an answer that are read."""
REDACTED = "[credential]"


def http_client(connections: int) -> httpx.AsyncClient:
    """The client that all calls share. The whole time of a call is bounded by its caller, bytes that drip as well."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_S)
    return httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(None, connect=CONNECT_S))


class OpenAIChat:
    """Any provider that speaks the OpenAI-compatible chat completions API.

    environment: the variables that models may refer to, for base URLs and credentials.
    """

    def __init__(self, http: httpx.AsyncClient, environment: Mapping[str, str]) -> None:
        self._http = http
        self._environment = environment

    async def complete(self, request: ChatRequest, timeout_s: float, heard: Heard | None = None) -> Completion:
        """See the port."""
        exchange = _Exchange(self._credential(request.credential))
        sending = self._request(request, exchange)
        where = f"the provider at {sending.url.netloc.decode()}"
        try:
            async with asyncio.timeout(timeout_s):
                answer, body = await exchange.read(self._http, sending)
        except TimeoutError as error:
            message = f"{where} did not answer within {timeout_s:.1f} s"
            raise ProviderFault("provider_timeout", message, worked=exchange.sent) from error
        except httpx.ConnectTimeout as error:
            raise ProviderFault(
                "provider_timeout", f"{where} did not take a connection in {CONNECT_S:.0f} s"
            ) from error
        except httpx.DecodingError as error:
            raise ProviderFault(
                "provider_answer_invalid", f"{where} answered what can't be read", worked=True
            ) from error
        except httpx.TransportError as error:
            said = exchange.redact(str(error) or type(error).__name__)
            message = f"{where} broke off: {said}" if exchange.sent else f"{where} does not answer: {said}"
            raise ProviderFault("provider_unavailable", message, worked=exchange.succeeding) from error
        if answer.is_success:
            return openai.completion(body, answer.headers.get("content-type", ""), exchange.redact)
        raise openai.refusal(answer.status_code, answer.headers, body, exchange.redact)

    def _request(self, request: ChatRequest, exchange: "_Exchange") -> httpx.Request:
        headers = {"Authorization": f"Bearer {exchange.credential}"} if exchange.credential else {}
        extensions = {"trace": exchange.trace, "timeout": self._http.timeout.as_dict()}
        url = _url(self._base_url(request.endpoint).rstrip("/") + openai.PATH)
        body = openai.request_body(request)
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


@dataclass
class _Exchange:
    """One request and its answer, and how far they came."""

    credential: str
    sent: bool = False
    succeeding: bool = False

    async def read(self, http: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """The answer and its body. Raises ProviderFault for one that does not end."""
        answer = await http.send(request, stream=True)
        try:
            self.succeeding = answer.is_success
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise ProviderFault(
                        "provider_answer_invalid",
                        f"the answer has more than {LARGEST_ANSWER} bytes",
                        worked=answer.is_success,
                    )
            return answer, bytes(body)
        finally:
            await answer.aclose()

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Note when the request has left: httpcore tells of each step."""
        self.sent = self.sent or event.endswith("send_request_body.complete")

    def redact(self, text: str) -> str:
        """The text without the credential."""
        if not self.credential:
            return text
        escaped = json.dumps(self.credential)[1:-1]  # as it stands in JSON
        return text.replace(self.credential, REDACTED).replace(escaped, REDACTED)


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
