"""What a call is to be held against, and what is said of budgets that have too little. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from headrace.budgets.active import Budget, Unreadable, period_at, renews_at


class Hold(NamedTuple):
    """Money to be held in one budget for a call. strict: nothing is held anywhere if this does not fit."""

    budget: str
    period: str
    limit: Decimal
    strict: bool


class Shortage(NamedTuple):
    """A budget with less left than a call could cost; amounts in its currency."""

    budget: str
    left: Decimal


class Verdict(NamedTuple):
    """What budgets say of a call. refusal: why it is refused, None when it is not. use: what to call instead."""

    refusal: str | None
    use: str | None
    warnings: Sequence[str]


def holds(budgets: Iterable[Budget], now: int) -> list[Hold]:
    """What these budgets hold for a call at a time (epoch milliseconds)."""
    return [Hold(name, period_at(spec, now), spec.limit, strict=spec.action != "warn") for name, spec in budgets]


def foreign(budgets: Iterable[Budget], currency: str) -> list[Budget]:
    """The budgets that are kept in another currency: they can't tell what the call takes."""
    return [budget for budget in budgets if budget.spec.currency != currency]


def mismatch(budgets: Sequence[Budget], currency: str) -> Verdict:
    """What is said of a call in another currency than these budgets'."""
    return _verdict(
        (budget, f"budget_currency_mismatch: budget {budget.name} is in {budget.spec.currency}, the call in {currency}")
        for budget in budgets
    )


def unread(budgets: Iterable[Unreadable]) -> Verdict:
    """What is said of a call that these budgets may have to pay for: nobody knows what they allow."""
    told = [f"budget_unreadable: budget {one.name}@{one.version} can't be read here ({one.reason})" for one in budgets]
    return Verdict("; ".join(told) or None, None, ())


def short(budgets: Iterable[Budget], shortages: Iterable[Shortage], worst: Decimal, now: int) -> Verdict:
    """What is said of a call that could cost `worst` when these budgets have too little left."""
    known = {budget.name: budget for budget in budgets}
    return _verdict(
        (known[name], _shortage(known[name], left, worst, now)) for name, left in shortages if name in known
    )


def _verdict(said: Iterable[tuple[Budget, str]]) -> Verdict:
    """Of refusing budgets those that name nothing cheaper come first: a cheaper call would be refused by them, too."""
    told = list(said)
    strict = [(budget, text) for budget, text in told if budget.spec.action != "warn"]
    warnings = [text for budget, text in told if budget.spec.action == "warn"]
    instead = {budget.spec.use for budget, _ in strict}
    use = next((budget.spec.use for budget, _ in strict), None) if None not in instead else None
    return Verdict("; ".join(text for _, text in strict) or None, use, warnings)


def _shortage(budget: Budget, left: Decimal, worst: Decimal, now: int) -> str:
    name, spec = budget
    renews = renews_at(spec, now)
    when = f"it renews at {renews:%Y-%m-%dT%H:%MZ}" if renews else "it does not renew"
    return (
        f"budget {name} has {money(max(left, Decimal(0)))} of {money(spec.limit)} {spec.currency} left for "
        f"{period_at(spec, now)}, and the call could cost {money(worst)} {spec.currency}; {when}"
    )


def money(amount: Decimal) -> str:
    """An amount as people write it: exact, without an exponent or idle zeros, but with cents."""
    text = f"{amount.normalize():f}"
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}"
