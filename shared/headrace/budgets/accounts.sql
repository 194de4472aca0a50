-- name: schema
-- Money of budgets. An entry is one call's part in one budget: held while `cost` is null, charged afterwards. A balance
-- is the sum of its entries, kept beside them so that a reservation reads one row a budget.
--
-- Why `budget_reserve` is atomic under READ COMMITTED: its call is one statement, so all its changes are committed
-- together or not at all. Inside of it, each statement of PL/pgSQL takes a snapshot of its own. The check comes after
-- `for update` has locked every balance that it reads: it sees what those who held the locks before have committed, and
-- nobody changes a balance until we commit. Rows are locked in the order of their names, so that two calls never wait
-- for each other in a circle. Two reservations of one call wait for each other before that, at the lock of its id.
select pg_advisory_xact_lock(18514, 0);

create table if not exists budget_balances (
    budget text,
    period text,                         -- 2026-11-24, 2026-11 or total; UTC
    currency text,
    held numeric not null default 0,
    spent numeric not null default 0,
    primary key (budget, period, currency)
);

create table if not exists budget_entries (
    call text,                           -- run/node/iteration/attempt/number
    budget text,
    period text not null,
    currency text not null,
    budget_limit numeric not null,       -- as it was then
    worst numeric not null,              -- what is held until `cost` is known
    available numeric not null,          -- what was left when it was held
    held_at timestamptz not null,
    cost numeric,
    primary key (call, budget)
);
create index if not exists budget_entries_held on budget_entries (budget, period) where cost is null;

-- Holds `most` in all of these budgets, or in none. Rows: budgets that have less left; `is_refused` says that nothing is
-- held because one of them is strict. A call that is known keeps what it has.
create or replace function budget_reserve(
    of_call text, of_currency text, most numeric, at timestamptz,
    budgets text[], periods text[], limits numeric[], stricts boolean[]
) returns table (short_budget text, short_left numeric, is_refused boolean) language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(of_call, 0));
    if not exists (select from budget_entries where call = of_call) then
        insert into budget_balances (budget, period, currency)
            select b, p, of_currency from unnest(budgets, periods) as wanted (b, p) order by b, p
            on conflict do nothing;
        perform from budget_balances join unnest(budgets, periods) as wanted (b, p) on budget = b and period = p
            where currency = of_currency order by budget, period for update of budget_balances;
        return query
            with short as (
                select b, l - spent - held as available, s
                from budget_balances
                    join unnest(budgets, periods, limits, stricts) as wanted (b, p, l, s) on budget = b and period = p
                where currency = of_currency and most > 0 and l - spent - held < most
            )
            select b, short.available, true from short where exists (select from short where s) order by b;
        if found then
            return;
        end if;
        insert into budget_entries (call, budget, period, currency, budget_limit, worst, available, held_at)
            select of_call, b, p, of_currency, l, most, l - spent - held, at
            from budget_balances join unnest(budgets, periods, limits) as wanted (b, p, l) on budget = b and period = p
            where currency = of_currency;
        update budget_balances set held = held + most
            from unnest(budgets, periods) as wanted (b, p)
            where budget = b and period = p and currency = of_currency;
    end if;
    return query select budget, available, false from budget_entries
        where call = of_call and worst > 0 and available < worst order by budget;
end $$;

-- Charges each of these calls once. Their entries stay, so that a repetition finds them charged. Locks are taken in the
-- order of `budget_reserve`: those of all ids, then the balances.
create or replace function budget_settle(of_calls text[], charged numeric)
returns table (charged_budget text, charged_period text, amount numeric, charged_limit numeric) language plpgsql as $$
begin
    perform pg_advisory_xact_lock(id)
        from (select distinct hashtextextended(c, 0) as id from unnest(of_calls) as called (c) order by id) as ids;
    perform from budget_balances join budget_entries using (budget, period, currency)
        where call = any (of_calls) order by budget, period, currency for update of budget_balances;
    with settled as (
        update budget_entries set cost = charged where call = any (of_calls) and cost is null
        returning budget, period, currency, worst
    ), sums as (
        select budget, period, currency, sum(worst) as worst, count(*) as calls
        from settled group by budget, period, currency
    )
    update budget_balances as balance set held = balance.held - worst, spent = spent + calls * charged
        from sums
        where balance.budget = sums.budget and balance.period = sums.period and balance.currency = sums.currency;
    return query select budget, period, cost, budget_limit
        from budget_entries where call = any (of_calls) order by budget;
end $$;

-- name: reserve
select short_budget, short_left, is_refused from budget_reserve($1, $2, $3, $4, $5, $6, $7, $8);

-- name: settle
select charged_budget, charged_period, amount, charged_limit from budget_settle($1, $2);

-- name: balances
-- `abandoned` is the part of `held` that is older than $1.
select budget, period, currency, spent, held, (
    select coalesce(sum(worst), 0) from budget_entries as entry
    where entry.budget = balance.budget and entry.period = balance.period and entry.currency = balance.currency
        and cost is null and held_at < $1
) as abandoned
from budget_balances as balance
order by budget, period, currency;

-- name: new_log
-- Where the log is collected before anybody has to wait.
create temporary table budget_log (
    call text, budget text, period text, currency text, budget_limit numeric, cost numeric, at timestamptz
) on commit drop;

-- name: stop_changes
-- Whoever reserves or settles waits from here on, and sees what comes after; who reads does not wait.
lock table budget_balances, budget_entries in exclusive mode;

-- name: put_log
-- What the log says of a call wins. Entries that it does not know stay: their calls are under way, or not told of yet.
insert into budget_entries (call, budget, period, currency, budget_limit, worst, available, held_at, cost)
select distinct on (call, budget) call, budget, period, currency, budget_limit, cost, budget_limit, at, cost
from budget_log order by call, budget, at
on conflict (call, budget) do update
set period = excluded.period, currency = excluded.currency, cost = excluded.cost;

-- name: drop_balances
delete from budget_balances;

-- name: sum_entries
insert into budget_balances (budget, period, currency, held, spent)
select budget, period, currency, coalesce(sum(worst) filter (where cost is null), 0), coalesce(sum(cost), 0)
from budget_entries group by budget, period, currency;
