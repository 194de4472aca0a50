-- name: schema
-- Every paid or effectful call, once by key. `owner` is the advisory lock that the calling process holds while it lives.
-- One process at a time: two that create the same table at once collide in the catalog. Owners count from 1, 0 is free.
select pg_advisory_xact_lock(18514, 0);
create table if not exists call_journal (
    key text primary key,
    owner bigint not null,
    answer text,
    began_at timestamptz not null default now(),
    ended_at timestamptz
);
create sequence if not exists call_journal_owner;

-- name: claim
-- A new call; no row when the key is known.
insert into call_journal (key, owner) values ($1, $2) on conflict (key) do nothing returning key;

-- name: find
select owner, answer from call_journal where key = $1;

-- name: take_over
-- A dead owner's call; no row when somebody else was faster.
update call_journal set owner = $3 where key = $1 and owner = $2 and answer is null returning key;

-- name: finish
-- The first answer stays: it is the one that others may have seen.
update call_journal set answer = $2, ended_at = now() where key = $1 and answer is null;

-- name: new_owner
select nextval('call_journal_owner');
