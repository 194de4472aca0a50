-- name: newest
-- From the projector's tables. $1: workflow, with or without a version, $2: status, $3: not started before, $4: how many;
-- null leaves a condition out. A run without a start has a log whose beginning can't be read.
select
    found.*,
    array(
        select cost::text || ' ' || currency from run_costs where run_costs.run = found.run order by currency
    ) as costs
from (
    select run, workflow, status, tenant, actor, started_at, finished_at, code, message
    from runs
    where started_at is not null
        and ($1::text is null or workflow = $1 or starts_with(workflow, $1 || '@'))
        and ($2::text is null or status = $2)
        and ($3::timestamptz is null or started_at >= $3)
    order by started_at desc
    limit $4
) as found
order by started_at desc, run;

-- name: beginning
-- Runs whose ids begin with $1, the shortest first, without the runs that the shortest one started. $2: how many.
with named as (select run from runs where starts_with(run, $1)),
shortest as (select run from named order by length(run), run limit 1)
select named.run
from named, shortest
where named.run = shortest.run or not starts_with(named.run, shortest.run || ':')
order by length(named.run), named.run
limit $2;

-- name: positions
-- How far the projector has read a topic, by partition. $1: topic.
select partition, next_offset from projection_positions where projection = 'projector' and topic = $1;
