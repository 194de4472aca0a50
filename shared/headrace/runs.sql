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

-- name: positions
-- How far the projector has read a topic, by partition. $1: topic.
select partition, next_offset from projection_positions where projection = 'projector' and topic = $1;
