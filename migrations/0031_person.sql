-- Who was erased, so that nobody of them comes back. A mark is a keyed hash of the person's id, and
-- no id can be read from it.

-- The keys of the hashes. There is none until somebody is erased. A database that took over what
-- another one knew has more than one.
create table forgotten_key (
    salt text primary key,
    made_at bigint not null,
    -- How much that named somebody was dropped as it came in.
    dropped bigint not null default 0
);

create table forgotten (
    mark text primary key,
    at bigint not null,
    -- Absent: the erasure was broken off, or an older database was restored since.
    done_at bigint
);

-- When the ids and texts of a survey were erased. Absent: they are there.
alter table survey add column erased_at bigint;
