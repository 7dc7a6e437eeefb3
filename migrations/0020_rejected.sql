-- The last requests that were refused, as the log tells of them, for whoever has no log at hand. No body is kept.
create table rejected (
    source text not null,
    at bigint not null,
    answer bigint not null,
    reason text not null,
    -- In the body: a JSON Pointer, or a line and a column.
    place text,
    path text,
    delivery_id text,
    -- How many the entry stands for.
    count bigint not null
);
create index rejected_newest on rejected (source, at);
