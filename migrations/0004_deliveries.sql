-- The events that sources have delivered, by their senders' own ids, so that one that is delivered again
-- is recognised whatever it says then. Kept for seven days.

create table delivery (
    source text not null,
    event_id text not null,
    at bigint not null,
    -- The survey that it made, moved or called off; absent where a reopening found none.
    survey_id text,
    primary key (source, event_id)
);

create index delivery_age on delivery (at);
