-- Talks by Direct Messages: what the sources that watch them remember.

-- How far an account's messages have been heard.
create table dm_stream (
    -- The account's own id at X: its name, and the source's, may change.
    handle text primary key,
    -- All that was said up to here has been heard; absent before the first reading's end.
    heard_to bigint,
    -- The reading under way: back to when, from when, and the next page's cursor, absent for the first.
    reading_from bigint,
    reading_to bigint,
    reading_cursor text,
    -- When the next reading begins.
    read_at bigint
);

create table dm_conversation (
    handle text not null,
    user_id text not null,
    -- JSON; no texts.
    heard text not null,
    last_at bigint not null,
    -- When the talk under way ends, if nothing more is said.
    ends_at bigint,
    primary key (handle, user_id)
);

create index dm_conversation_ending on dm_conversation (handle, ends_at)
    where ends_at is not null;
create index dm_conversation_age on dm_conversation (handle, last_at);
