"""Money for tokens, exact. Pure."""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import reduce

from headrace.resource.model import Costs

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def cost_of(costs: Costs, received: int, answered: int, cached: int) -> Decimal:
    """Tokens / 1000 * price, without idle zeros. cached: those received that the provider had in its cache."""
    cached = min(cached, received)
    cached_price = costs.input_per_1k if costs.cached_per_1k is None else costs.cached_per_1k
    parts = ((received - cached, costs.input_per_1k), (cached, cached_price), (answered, costs.output_per_1k))
    money = reduce(EXACT.add, (EXACT.multiply(number, price) for number, price in parts))
    return EXACT.normalize(EXACT.scaleb(money, -3))
