-- The daemons that work on this database, each known by the mark in its own state folder: how many sends
-- it has begun, and the last instant it recorded. A row belongs to one daemon alone, so no daemon that
-- hangs in a transaction keeps another from sending. The row without a name counts what was begun before
-- daemons had rows.
create table daemon (
    id text primary key,
    sends bigint not null,
    last_at bigint not null,
    -- 1 while the daemon holds its sends because it does not trust this database.
    doubting bigint not null default 0
);
insert into daemon (id, sends, last_at) select '', sends, last_at from progress where name = 'sends';
delete from progress where name = 'sends';

-- One row: the random name of this database, which a mark repeats.
create table identity (
    one bigint primary key,
    database_id text not null
);

-- Why sends are held. Absent: for a rebuild.
alter table restore_hold add column why text;
update restore_hold set why = 'older' where rebuild_from is null;
