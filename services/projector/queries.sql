-- name: schema
-- Rows follow from the log alone: no default, no sequence, no clock. A column that the event at hand says nothing about
-- keeps what an earlier one said.

-- One row a run. Usage is the run's own total, known when it ends and in the currency of its first cost; what was spent
-- in others, and so far, is in run_costs.
create table if not exists runs (
    run text primary key,
    last_seq bigint not null,            -- place of the newest event in the run's log
    status text not null,                -- running, completed, failed, cancelled
    workflow text,                       -- name@version; as asked where it could not be resolved
    tenant text,
    session text,
    actor text,
    started_at timestamptz,
    finished_at timestamptz,
    input_tokens bigint,
    output_tokens bigint,
    cost numeric,
    currency text,
    code text,                           -- why it failed
    message text,                        -- why it failed, or the reason given with a cancellation
    node text                            -- the node that failed
);
create index if not exists runs_by_start on runs (started_at);
create index if not exists runs_by_workflow on runs (workflow, started_at);

-- One row an attempt of a node. A skipped node has the attempt 0. An attempt that was under way when its run ended stays
-- scheduled: the log has no more to say about it.
create table if not exists run_nodes (
    run text not null,
    node text not null,
    iteration int not null,
    attempt int not null,
    status text not null,                -- scheduled, succeeded, failed, skipped
    type text,
    scheduled_at timestamptz,
    started_at timestamptz,              -- when the worker began; known if it succeeded
    finished_at timestamptz,
    retry_at timestamptz,                -- of a failed attempt after which another is due
    input_tokens bigint,
    output_tokens bigint,
    cost numeric,
    currency text,
    code text,
    message text,                        -- why it failed, or why it was skipped
    primary key (run, node, iteration, attempt)
);

-- What runs have cost so far, one row a run and currency: amounts in different currencies are never added.
create or replace view run_costs as
select run, currency, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens, sum(cost) as cost
from run_nodes
where currency is not null
group by run, currency;

-- One row a record of the audit trail: who changed what, when and why, and what was refused.
create table if not exists resource_changes (
    topic text not null,                 -- prompt.events, model.events, workflow.events, budget.events
    partition int not null,
    log_offset bigint not null,
    name text not null,
    change text not null,                -- the event: VersionCreated, PointerMoved, ChangeRefused, ...
    at timestamptz not null,
    actor text,                          -- as the caller states it
    reason text,
    caused_by text,                      -- id of the command's event
    kind text,                           -- of a version that was created
    version int,
    digest text,                         -- SHA-256 of the version's canonical spec
    pointer text,
    previous int,                        -- where the pointer stood
    command text,                        -- what was refused
    code text,
    message text,
    split jsonb,                         -- [{"version": 3, "weight": 90}, ...]: who shares the pointer's traffic
    protected boolean,                   -- whether the pointer is protected from now on
    approved_by text,                    -- second actor, as that caller states it
    versions int[],                      -- those whose body is or was to be erased
    run text,                            -- whose node found a body that can't be used
    node text,
    primary key (topic, partition, log_offset)
);
-- A hash, because a refused name may be longer than an entry of a B-tree.
create index if not exists resource_changes_by_name on resource_changes using hash (name);

-- name: drop
-- Everything that `schema` creates.
drop view if exists run_costs;
drop table if exists runs, run_nodes, resource_changes;

-- name: runs
-- $1: run, $2: last_seq, $3: status, then the columns in order; null leaves a column as it is.
insert into runs (
    run, last_seq, status, workflow, tenant, session, actor, started_at, finished_at,
    input_tokens, output_tokens, cost, currency, code, message, node
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (run) do update set
    last_seq = excluded.last_seq,
    status = excluded.status,
    workflow = coalesce(excluded.workflow, runs.workflow),
    tenant = coalesce(excluded.tenant, runs.tenant),
    session = coalesce(excluded.session, runs.session),
    actor = coalesce(excluded.actor, runs.actor),
    started_at = coalesce(excluded.started_at, runs.started_at),
    finished_at = coalesce(excluded.finished_at, runs.finished_at),
    input_tokens = coalesce(excluded.input_tokens, runs.input_tokens),
    output_tokens = coalesce(excluded.output_tokens, runs.output_tokens),
    cost = coalesce(excluded.cost, runs.cost),
    currency = coalesce(excluded.currency, runs.currency),
    code = coalesce(excluded.code, runs.code),
    message = coalesce(excluded.message, runs.message),
    node = coalesce(excluded.node, runs.node);

-- name: run_nodes
-- $1: run, $2: node, $3: iteration, $4: attempt, $5: status, then the columns in order; null leaves a column as it is.
insert into run_nodes (
    run, node, iteration, attempt, status, type, scheduled_at, started_at, finished_at, retry_at,
    input_tokens, output_tokens, cost, currency, code, message
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (run, node, iteration, attempt) do update set
    status = excluded.status,
    type = coalesce(excluded.type, run_nodes.type),
    scheduled_at = coalesce(excluded.scheduled_at, run_nodes.scheduled_at),
    started_at = coalesce(excluded.started_at, run_nodes.started_at),
    finished_at = coalesce(excluded.finished_at, run_nodes.finished_at),
    retry_at = coalesce(excluded.retry_at, run_nodes.retry_at),
    input_tokens = coalesce(excluded.input_tokens, run_nodes.input_tokens),
    output_tokens = coalesce(excluded.output_tokens, run_nodes.output_tokens),
    cost = coalesce(excluded.cost, run_nodes.cost),
    currency = coalesce(excluded.currency, run_nodes.currency),
    code = coalesce(excluded.code, run_nodes.code),
    message = coalesce(excluded.message, run_nodes.message);

-- name: resource_changes
-- The columns in order; a record has one row, which never changes.
insert into resource_changes (
    topic, partition, log_offset, name, change, at, actor, reason, caused_by, kind, version, digest, pointer, previous,
    command, code, message, split, protected, approved_by, versions, run, node
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
on conflict (topic, partition, log_offset) do nothing;
