-- Feedback made anew from X's events, and surveys with it where the database was lost.

-- A rebuild of an account that is under way: the events from `from_at` to `read_to` are in.
create table rebuild (
    account text primary key,
    -- Whose it is: one that was begun later has another.
    run text not null,
    from_at bigint not null,
    read_to bigint not null,
    -- Whether it makes surveys. If so, the account's sends are held until it is finished.
    makes_surveys bigint not null
);

-- What those events have told so far, by feedback, as JSON. Empty while no rebuild is under way.
create table rebuild_told (
    account text not null,
    id text not null,
    told text not null,
    primary key (account, id)
);

-- Surveys that were made from X's events, by every external id that the first survey of their
-- conversation may bear: a close from before the prompt is known by them.
create table rebuilt (
    account text not null,
    name text not null,
    survey_id text not null,
    primary key (account, name, survey_id)
);

create index rebuilt_survey on rebuilt (survey_id);

-- Once the hold ends, prompts made since then that no survey is known of get theirs. Absent: the hold
-- is a restored backup's alone.
alter table restore_hold add column rebuild_from bigint;
