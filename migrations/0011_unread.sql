-- What of X's events could not be read.

-- Stretches of an account's events, both ends included, that have not been read in full.
create table unread (
    account text not null,
    -- 'form': events in it have a form that cannot be read. 'end': X's pages of it have no end.
    why text not null check (why in ('form', 'end')),
    from_at bigint not null,
    to_at bigint not null,
    -- When it was met first, by our clock.
    met_at bigint not null,
    primary key (account, why, from_at)
);

-- 1: an event of the window under way could not be read.
alter table reading add column is_partly_read bigint not null default 0;

-- How often in a row the shortest window was begun again.
alter table reading add column losses bigint not null default 0;

-- How far X's clock was ahead of ours then, in milliseconds. Absent where it was not known.
alter table reading add column x_ahead bigint;

-- Prompts that belong to no survey are looked for by their person.
drop index feedback_unmatched;
create index feedback_unmatched on feedback (account, to_user_id) where survey_id is null;

-- 1: what would bear the hints out may lie in a stretch that has not been read. They are judged once
-- it is.
alter table feedback add column hints_wait bigint not null default 0;
drop index feedback_judged;
create index feedback_judged on feedback (account, judged_by)
    where judged_by is not null and hints_wait = 0;
create index feedback_waiting on feedback (account) where hints_wait = 1;
