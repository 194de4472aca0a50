"""Whether an outcome can be right: a worker may be anybody's program, and the log keeps what it says for ever."""

import re

from headrace.events import node
from headrace.events.run import Call, Usage
from headrace.limits import MOST_TOKENS

MOST_CALLS = 100
LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: readers can't show later ones."""

_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_PROVIDER = re.compile(r"[^\0]{1,200}")
_MONEY = re.compile(r"[0-9]{1,20}(\.[0-9]{1,40})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def nonsense(outcome: node.NodeSucceeded | node.NodeFailed) -> str:
    """Why an outcome can't be taken, or nothing; what it says of an output is not looked at here."""
    if not (0 <= outcome.started_at <= LAST_MS and 0 <= outcome.finished_at <= LAST_MS):
        return "has a time that is none"
    if isinstance(outcome, node.NodeFailed) and not _CODE.fullmatch(outcome.code):
        return f"has the code {outcome.code!r:.80}, which is none such as provider_timeout"
    if len(outcome.calls) > MOST_CALLS:
        return f"lists {len(outcome.calls)} calls; at most {MOST_CALLS} are allowed"
    if outcome.usage is None and not outcome.calls:
        return ""
    usages = (outcome.usage, *(call.usage for call in outcome.calls))
    return next(filter(None, (*map(_usage, usages), *map(_call, outcome.calls))), "")


def _usage(usage: Usage | None) -> str:
    if usage is None:
        return ""
    if not all(0 <= tokens <= MOST_TOKENS for tokens in (usage.input_tokens, usage.output_tokens)):
        return f"counts tokens that are not between 0 and {MOST_TOKENS}"
    if not _MONEY.fullmatch(usage.cost):
        return f"has the cost {usage.cost!r:.80}, which is no amount such as 0.0125"
    return (
        "" if _CURRENCY.fullmatch(usage.currency) else f"has the currency {usage.currency!r:.80}, not one such as USD"
    )


def _call(call: Call) -> str:
    if not (_CODE.fullmatch(call.outcome) and _PROVIDER.fullmatch(call.provider)):
        return f"lists the call {call.provider!r:.80}, {call.outcome!r:.80}, which is none such as answer@3, ok"
    return "" if 0 <= call.latency_ms <= LAST_MS else "has a latency that is none"
