"""Tokens and money of calls. What a provider does not say is estimated, never taken for nothing."""

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce

from headrace.events.run import Call, Usage
from headrace.pricing import EXACT, cost_of
from headrace.prompting import estimated_question, estimated_tokens, most_question
from headrace.resource.model import Costs
from headrace.resource.prompt import Parameters
from model_invoke.model import ChatRequest, Completion, Tokens
from model_invoke.ports import ProviderFault


def answered(request: ChatRequest, parameters: Parameters, completion: Completion, costs: Costs) -> Usage:
    """What an answer cost: by the provider's count, else estimated from both texts."""
    if completion.tokens is not None:
        return priced(completion.tokens, costs)
    received = estimated_tokens(completion.text) + sum(
        estimated_tokens(call.arguments) for call in completion.tool_calls
    )
    return priced(Tokens(estimated_question(request.messages, parameters), received), costs, estimated=True)


def failed(request: ChatRequest, parameters: Parameters, fault: ProviderFault, costs: Costs) -> Usage | None:
    """What a failed call cost: what the provider says; else, if it may have worked, what was sent; else nothing."""
    if fault.tokens is not None:
        return priced(fault.tokens, costs)
    if not fault.worked:
        return None
    return priced(Tokens(estimated_question(request.messages, parameters), 0), costs, estimated=True)


def cut_off(request: ChatRequest, parameters: Parameters, said: str, costs: Costs) -> Usage:
    """What a call that was cut off cost, estimated: what was sent, and what had been said."""
    tokens = Tokens(estimated_question(request.messages, parameters), estimated_tokens(said))
    return priced(tokens, costs, estimated=True)


def priced(tokens: Tokens, costs: Costs, *, estimated: bool = False) -> Usage:
    """Tokens with their price: tokens / 1000 * price, exact, in text without exponent or idle zeros."""
    return Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cost=f"{cost_of(costs, tokens.input, tokens.output, tokens.cached):f}",
        currency=costs.currency,
        cached_tokens=tokens.cached,
        estimated=estimated,
    )


def worst(request: ChatRequest, parameters: Parameters, costs: Costs) -> Decimal:
    """The most that a call can cost: a token a byte, none of them cached, and the longest answer."""
    return cost_of(costs, most_question(request.messages, parameters), request.max_tokens, 0)


def total(calls: Iterable[Call]) -> Usage | None:
    """The sum of calls, None if nothing was consumed. Costs in another currency than the first don't add up."""
    usages = [call.usage for call in calls if call.usage is not None]
    return reduce(_sum, usages) if usages else None


def _sum(first: Usage, second: Usage) -> Usage:
    paid = [usage for usage in (first, second) if Decimal(usage.cost)]
    currency = paid[0].currency if paid else first.currency
    amounts = [Decimal(usage.cost) for usage in paid if usage.currency == currency]
    return Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        cost=f"{EXACT.normalize(reduce(EXACT.add, amounts, Decimal(0))):f}",
        currency=currency,
        cached_tokens=first.cached_tokens + second.cached_tokens,
        estimated=first.estimated or second.estimated,
    )
