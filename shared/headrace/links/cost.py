"""What one run may cost: every loop at its bound, every list full, every attempt made, every fallback asked."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from math import prod
from typing import NamedTuple

from headrace.fault import Fault
from headrace.links.known import Child, Known, Model, Prompt, Question
from headrace.links.texts import most_tokens
from headrace.links.window import answer_tokens
from headrace.pricing import EXACT, cost_of
from headrace.workflow.loops import loops_in
from headrace.workflow.spec import CostLimit, WorkflowSpec

MOST_SHOWN = 10
"""Nodes that a message names, the dearest first."""

Money = Mapping[str, Decimal]
"""Amounts above zero by currency."""


class NodeCost(NamedTuple):
    """What a node may cost in a run: so much once, so often for each of these reasons."""

    node: str
    once: Money
    times: Mapping[str, int]

    @property
    def all(self) -> Money:
        """In the whole run."""
        often = prod(self.times.values())
        return {currency: EXACT.multiply(amount, often) for currency, amount in self.once.items()}


def cost_faults(known: Known) -> Iterator[Fault]:
    """A limit that a run may exceed, or that is in another currency; nothing while a model or a prompt is missing."""
    limit = known.workflow.cost_limit
    if limit is None or not known.complete:
        return
    costs = list(_costs(known, {}))
    for currency in sorted({currency for one in costs for currency in one.once} - {limit.currency}):
        nodes = ", ".join(one.node for one in costs if currency in one.once)
        message = f"the limit is in {limit.currency}, and models of {nodes:.200} cost {currency}: they don't add up"
        hint = "state the limit in the currency of the models, and let all have the same"
        yield Fault("cost_currency", ("cost_limit", "currency"), message, hint)
    total = _sum(one.all for one in costs).get(limit.currency, Decimal(0))
    if total > limit.amount:
        message = f"a run may cost {_plain(total)} {limit.currency}, and the limit is {_said(limit, costs)}"
        hint = "lower max_iterations, max_items, attempts or max_output_tokens, use cheaper models, or raise the limit"
        yield Fault("cost_limit_exceeded", ("cost_limit", "amount"), message, hint)


def _costs(known: Known, below: dict[str, Money]) -> Iterator[NodeCost]:
    """The nodes that cost something. below: what sub-workflows cost, as far as it was asked before."""
    rounds = _rounds(known.workflow)
    for question in known.questions:
        if question.prompt and (once := _attempt(known, question, question.prompt)):
            yield _node_cost(question, once, rounds)
    for child in known.children:
        if (title := str(child.found)) not in below:
            below[title] = _sum(one.all for one in _costs(known.below(child), below))
        if below[title]:
            yield _node_cost(child, below[title], rounds)


def _node_cost(one: Question | Child, once: Money, rounds: Mapping[str, int]) -> NodeCost:
    items = one.spec.map.max_items if one.spec.map else 1
    times = {"attempts": one.spec.retry.attempts, "rounds": rounds[one.node], "items": items}
    return NodeCost(one.node, once, times)


def _attempt(known: Known, question: Question, prompt: Prompt) -> Money:
    """What an attempt may cost: each model is asked, and the dearest once more for an answer that must have a shape."""
    most = most_tokens(known, prompt.spec)
    calls = [_call(prompt, model, most) for model in question.models]
    parameters = prompt.spec.parameters
    if parameters.response_schema is not None or parameters.tools:
        again = (_call(prompt, model, None) for model in question.models)  # with the answer, whatever that is
        calls.append(max(again, key=lambda call: max(call.values(), default=Decimal(0)), default={}))
    return _sum(calls)


def _call(prompt: Prompt, model: Model, most: int | None) -> Money:
    """What a call may cost at the dearest price of a model. most: tokens of what is asked; else the window's."""
    answer = answer_tokens(prompt.spec.parameters, model)
    room = model.spec.limits.context_window - answer
    asked = room if most is None else min(most, room)
    dearest = max(cost_of(price, asked, answer, 0) for price in model.spec.costs)
    return {model.spec.costs[0].currency: dearest} if dearest else {}


def _sum(parts: Iterable[Money]) -> Money:
    total: dict[str, Decimal] = {}
    for part in parts:
        for currency, amount in part.items():
            total[currency] = EXACT.add(total.get(currency, Decimal(0)), amount)
    return total


def _rounds(workflow: WorkflowSpec) -> Mapping[str, int]:
    """How often each node may run: the bounds of the loops around it, multiplied."""
    rounds = dict.fromkeys(workflow.nodes, 1)
    for index, body in loops_in(workflow).items():
        for name in body:
            rounds[name] *= workflow.edges[index].max_iterations or 1
    return rounds


def _said(limit: CostLimit, costs: list[NodeCost]) -> str:
    """The limit, and the sum by node."""
    dearest = sorted(costs, key=lambda one: -one.all.get(limit.currency, Decimal(0)))
    parts = [_term(one, limit.currency) for one in dearest[:MOST_SHOWN] if limit.currency in one.once]
    more = f" and {len(costs) - MOST_SHOWN} nodes more" if len(costs) > MOST_SHOWN else ""
    return f"{_plain(limit.amount)}: {'; '.join(parts)}{more}"


def _term(one: NodeCost, currency: str) -> str:
    factors = "".join(f" \N{MULTIPLICATION SIGN} {number} {what}" for what, number in one.times.items() if number > 1)
    total = f" = {_plain(one.all[currency])}" if factors else ""
    return f"{one.node} {_plain(one.once[currency])}{factors}{total}"


def _plain(amount: Decimal) -> str:
    return f"{EXACT.normalize(amount):f}"
