"""From what is no answer, an HTTP status or a fault told in a stream, to ProviderFault."""

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from model_invoke.ports import ProviderFault
from model_invoke.provider.wire.format import Redact

LONGEST_MESSAGE = 300
"""Characters of a provider's message that an error repeats."""
LONGEST_WAIT_S = 3600.0
STATUS_OF_KIND = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 408,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}
"""What a stream calls a fault, and the status that stands for it outside of streams."""


def fault_of(
    model: str, status: int, headers: Mapping[str, str], body: bytes, redact: Redact, now: float
) -> ProviderFault:
    """What an answer means that is no success. model: the name that was asked for. now: epoch seconds."""
    said = f"the provider answered {status}"
    if status not in {401, 403}:  # what is said about a credential may hold parts of it
        said += f": {_message(body, redact)}"
    if status == 404:
        said += f" (asked for the model {model!r:.80})"
    if "retry-after" in headers:
        said += f" (Retry-After: {shortened(headers['retry-after'], redact)})"
    return _fault(status, said, retry_after_s=retry_after_s(headers, now))


def told(error: Any, redact: Redact) -> ProviderFault:
    """A fault that a stream tells of: `error` of the event, {type, message} and in some formats {code}."""
    words = error if isinstance(error, dict) else {"message": error}
    status = _status(words)
    said = "the provider broke off the stream"
    if status not in {401, 403}:
        said += f": {_message(json.dumps(words).encode(), redact)}"
    return _fault(status, said, worked=True)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from 0 to 3600 for which a provider asks to be left alone (RFC 9110 10.2.3, and OpenAI's milliseconds);
    None if it does not, or not in words that mean something. now: epoch seconds.
    """
    seconds = _seconds(headers, now)
    if seconds is None or not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S)


def shortened(text: str, redact: Redact) -> str:
    """A provider's words on one line, as Unicode: redacted first, so that no cut leaves half a credential behind."""
    line = " ".join(redact(text).encode(errors="replace").decode().split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"


def _fault(status: int, said: str, *, worked: bool = False, retry_after_s: float | None = None) -> ProviderFault:
    codes = {429: "provider_rate_limited", 408: "provider_timeout"}
    code = codes.get(status, "provider_unavailable" if status >= 500 else "provider_refused")
    retryable = code != "provider_refused"
    return ProviderFault(code, said, retryable=retryable, worked=worked, retry_after_s=retry_after_s)


def _status(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return code
    known = [STATUS_OF_KIND[kind] for kind in (code, error.get("type")) if kind in STATUS_OF_KIND]
    return known[0] if known else 500


def _seconds(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds, asked = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    try:
        return float(milliseconds) / 1000
    except ValueError:
        pass
    try:
        return float(asked)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(asked).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _message(body: bytes, redact: Redact) -> str:
    """The words in an error's body: `error.message`, as all have it, or what there is."""
    text = body.decode(errors="replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return shortened(text, redact) or "nothing"
    for key in ("error", "message"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), redact)
