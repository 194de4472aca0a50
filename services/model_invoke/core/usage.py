"""Tokens and money of a call. What a provider does not say is estimated, never taken for nothing."""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context

from headrace.events.run import Usage
from headrace.prompting import estimated_input, estimated_tokens
from headrace.resource.model import Costs
from model_invoke.model import Completion, Plan, Tokens

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def tokens_of(plan: Plan, completion: Completion) -> Tokens:
    """As the provider counts them, else estimated from both texts."""
    return completion.tokens or Tokens(estimated_input(plan.request.messages), estimated_tokens(completion.text))


def priced(tokens: Tokens, costs: Costs) -> Usage:
    """Tokens with their price: tokens / 1000 * price, exact, in text without exponent or idle zeros."""
    money = _EXACT.add(
        _EXACT.multiply(tokens.input, costs.input_per_1k), _EXACT.multiply(tokens.output, costs.output_per_1k)
    )
    cost = _EXACT.normalize(_EXACT.scaleb(money, -3))
    return Usage(input_tokens=tokens.input, output_tokens=tokens.output, cost=f"{cost:f}", currency=costs.currency)


def usage_of(plan: Plan, completion: Completion) -> Usage:
    """What a call that was answered consumed."""
    return priced(tokens_of(plan, completion), plan.costs)
