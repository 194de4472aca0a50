-- name: schema
-- How far each projection has read each partition: the next offset, moved in the same transaction as the rows.
create table if not exists projection_positions (
    projection text not null,
    topic text not null,
    partition int not null,
    next_offset bigint not null,
    primary key (projection, topic, partition)
);

-- name: one_at_a_time
-- `create ... if not exists` by two sessions at once fails in one of them. $1: class and $2: key of an advisory lock.
select pg_advisory_xact_lock($1, $2);

-- name: enter
-- Partitions that were never read begin at 0. $2: topics, $3: partitions.
insert into projection_positions (projection, topic, partition, next_offset)
select $1, topic, partition, 0 from unnest($2::text[], $3::int[]) as place (topic, partition)
on conflict do nothing;

-- name: find
select topic, partition, next_offset from projection_positions
where projection = $1 and (topic, partition) in (select * from unnest($2::text[], $3::int[]));

-- name: advance
-- The fence: no row unless the position is where its owner left it. The row stays locked until the transaction ends,
-- so of two owners the second waits here, and then finds that the position has moved.
update projection_positions set next_offset = $5
where projection = $1 and topic = $2 and partition = $3 and next_offset = $4
returning next_offset;

-- name: hold_off
-- Wait for transactions that have passed the fence, and let no other pass.
lock table projection_positions in exclusive mode;

-- name: forget
delete from projection_positions where projection = $1;
