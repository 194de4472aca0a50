"""The usage meter, and the commands about usage and budgets, on the real stack."""

import asyncio
from pathlib import Path

import pytest

from headrace.events.model import ModelCalled
from headrace.events.usage import UsageAlert
from headrace.topics import MODEL_CALLS, USAGE_ALERTS, dead_letters
from tests.conftest import Stack
from tests.e2e.calls import called, calls, charge, counted
from tests.e2e.commands import Run, printed
from tests.e2e.installation import Installation
from tests.e2e.meters import another_meter
from tests.e2e.test_survival import kill
from tests.support.names import unique
from tests.support.waiting import until_equal

EACH = 40
MODEL = """
apiVersion: headrace/v1
kind: Model
metadata: {{ name: {name} }}
spec:
  provider: openai
  endpoint: {{ url: "http://127.0.0.1:1/v1" }}
  model: m
  limits: {{ context_window: 4096, max_output_tokens: 512 }}
  costs: {{ currency: EUR, input_per_1k: "1", output_per_1k: "3", cached_per_1k: "0.5" }}
---
apiVersion: headrace/v1
kind: Budget
metadata: {{ name: {name} }}
spec:
  scope: {{ model: {name} }}
  period: total
  limit: 5.00
  currency: USD
"""


def some(names: list[str], since: int) -> list[ModelCalled]:
    return [called(f"{name}/{number}", name) for number in range(since, since + EACH) for name in names]


MOST_OFF = 5
"""Calls of a name that a kill may lose or double: those that were under way."""


async def test_killed_and_started_again_the_meter_goes_on(installation: Installation, stack: Stack) -> None:
    # given calls of models of both partitions, more of them while the meter is killed and comes back, some told twice
    names = [unique("model") for _ in range(4)]
    async with calls(stack) as written:
        await written.tell(some(names, 0))
        await kill(stack, "usage_meter")
        twice = some(names, EACH)
        await written.tell([*twice, *twice])
        await kill(stack, "usage_meter")
        await written.tell(some(names, 2 * EACH))
    # then they are counted, for each model and each tenant
    tenants = [f"t-{name}" for name in names]
    await until_equal(lambda: nearly(installation, "model", names), True)
    await until_equal(lambda: nearly(installation, "tenant", tenants), True)


@pytest.mark.timeout(400)
async def test_of_two_meters_one_counts_and_the_other_takes_over(
    installation: Installation, stack: Stack, tmp_path: Path
) -> None:
    names = [unique("model") for _ in range(4)]
    async with calls(stack) as written, another_meter(stack, unique("meter"), tmp_path) as other:
        # given a meter that comes and stands by, while the first one counts
        await written.tell(some(names, 0))
        await until_equal(other.last_turn, "standing by", 90)
        # when the first one is killed and comes back, and then the other one is killed for good
        await written.tell(some(names, EACH))
        await kill(stack, "usage_meter")
        await written.tell(some(names, 2 * EACH))
        await until_equal(lambda: nearly(installation, "model", names), True, 90)
        other.process.kill()
    # then what came in the meantime is counted, whoever did it, and so is what comes now
    await until_equal(lambda: nearly(installation, "tenant", [f"t-{name}" for name in names]), True, 90)
    async with calls(stack) as written:
        late = unique("model")
        await written.tell([called(f"{late}/1", late)])
    await until_equal(lambda: counted(installation, "model", [late]), {late: 1}, 90)


async def nearly(installation: Installation, by: str, names: list[str]) -> bool:
    """Whether each of these has all its calls, but for what a kill may change."""
    found = await counted(installation, by, names)
    return all(abs(found.get(name, 0) - 3 * EACH) <= MOST_OFF for name in names)


async def test_what_is_poison_or_was_not_committed_is_not_counted(installation: Installation, stack: Stack) -> None:
    name = unique("model")
    # given what can't be read, and calls in a transaction that was aborted
    async with calls(stack, transactional_id=name) as aborted:
        await aborted.producer.begin_transaction()
        await aborted.tell(some([name], 0))
        await aborted.producer.abort_transaction()
    async with calls(stack) as written:
        await written.raw(name, b"no call")
        # when one more comes
        await written.tell([called(f"{name}/good", name)])
    # then it is the only one that counts, and what can't be read is with the dead letters
    await until_equal(lambda: counted(installation, "model", [name]), {name: 1})
    letters = await installation.client.read_all(dead_letters(MODEL_CALLS), key=name)
    assert [seen.value for seen in letters] == [b"no call"]


async def test_alerts_tell_of_models_that_fail_and_budgets_that_run_out(
    installation: Installation, stack: Stack
) -> None:
    name = unique("model")
    # given ten calls, half of which fail, that take nine tenths of a budget and then all of it
    outcomes = ["ok", "provider_timeout"] * 5
    amounts = ["0.9"] + ["0"] * 8 + ["0.1"]
    async with calls(stack) as written:
        await written.tell(
            called(f"{name}/{number}", name, outcome=outcome, charges=(charge(name, amount, "1"),))
            for number, (outcome, amount) in enumerate(zip(outcomes, amounts, strict=True))
        )
    # then each is told of once
    await until_equal(lambda: told(installation, name), [("budget", "0.8"), ("budget", "1.0"), ("errors", "0.5")])


async def told(installation: Installation, name: str) -> list[tuple[str, str]]:
    alerts = [seen.event for seen in await installation.client.read_all(USAGE_ALERTS)]
    mine = [alert for alert in alerts if isinstance(alert, UsageAlert) and alert.about.partition("/")[0] == name]
    return sorted((alert.kind, alert.threshold) for alert in mine)


async def test_usage_is_shown_by_name_with_history_at_today_s_prices(
    installation: Installation, stack: Stack, headrace: Run
) -> None:
    name = unique("model")
    await installation.deploy(MODEL.format(name=name))
    async with calls(stack) as written:
        await written.tell(some([name], 0))
    await until_equal(lambda: counted(installation, "prompt", [f"p-{name}"]), {f"p-{name}": EACH})
    # when it is asked for as JSON
    found = printed(
        await asyncio.to_thread(headrace, "usage", "--by", "prompt", "--since", "5m", "--reprice", "--json")
    )
    (row,) = [row for row in found["usage"] if row["name"] == f"p-{name}"]
    (again,) = [row for row in found["repriced"] if row["name"] == f"p-{name}"]
    # then it is what the calls took
    assert (row["calls"], row["errors"], row["input_tokens"], row["cached_tokens"]) == (EACH, 0, 8 * EACH, 3 * EACH)
    assert (row["costs"], row["mean_ms"], row["slowest_ms"]) == ({"USD": "0.40"}, 12, 12)
    assert (again["then"], again["now"]) == ({"USD": "0.40"}, {"EUR": "0.50"})
    assert sum(found["calls"][f"p-{name}"]) == EACH
    # and versions can be told apart
    apart = printed(await asyncio.to_thread(headrace, "usage", "--by", "prompt", "--versions", "--reprice", "--json"))
    (row,) = [row for row in apart["usage"] if row["name"] == f"p-{name}@1"]
    (again,) = [row for row in apart["repriced"] if row["name"] == f"p-{name}@1"]
    assert (row["calls"], again["calls"]) == (EACH, EACH)
    # and people see it as a table
    shown = await asyncio.to_thread(headrace, "usage", "--since", "5m")
    assert name in shown.stdout


async def test_who_asks_for_what_is_not_there_is_told(installation: Installation, headrace: Run) -> None:
    far = await asyncio.to_thread(headrace, "usage", "--since", "90d", "--json")
    assert far.returncode == 0
    assert "kept for 30 days" in far.stderr
    near = await asyncio.to_thread(headrace, "usage", "--since", "30d", "--json")
    assert near.stderr == ""
    tenants = await asyncio.to_thread(headrace, "usage", "--by", "tenant", "--versions")
    assert tenants.returncode == 2
    assert "tenants have no versions" in tenants.stderr


async def test_a_budget_is_shown_and_its_ledger_made_again_from_the_log(
    installation: Installation, stack: Stack, headrace: Run
) -> None:
    name = unique("model")
    await installation.deploy(MODEL.format(name=name))
    # given calls that were charged, as the log tells
    async with calls(stack) as written:
        await written.tell(
            called(f"{name}/{number}", name, charges=(charge(name, "0.01", "5"),)) for number in range(7)
        )
    # when the ledger is made again
    done = await asyncio.to_thread(headrace, "budget", "rebuild")
    assert done.returncode == 0, done.stderr
    # then it has them
    (shown,) = printed(await asyncio.to_thread(headrace, "budget", "show", name, "--json"))
    assert shown == {
        "name": name, "scope": {"model": name}, "action": "refuse", "use": None, "period": "total", "currency": "USD",
        "limit": "5.00", "spent": "0.07", "held": "0.00", "abandoned": "0.00", "left": "4.93", "renews_at": None,
    }  # fmt: skip
    text = (await asyncio.to_thread(headrace, "budget", "show")).stdout
    assert name in text
    assert "5.00 USD in total" in text
    missing = await asyncio.to_thread(headrace, "budget", "show", "none-such")
    assert missing.returncode == 1
